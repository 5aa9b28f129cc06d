import type { LivenessDriver } from './driver.js';
import { isPid } from './existence.js';
import { driverFor } from './select.js';

/**
 * The identity stamp of a process, for a launcher to store beside its pid. Take it after the spawn and before
 * waiting for the child: until then no other process can get its pid.
 *
 * @returns null if no process has this pid or this platform cannot identify it; store no stamp then
 */
export function processIdentity(pid: number, driver: LivenessDriver = driverFor()): string | null {
  if (!isPid(pid)) return null;
  try {
    return driver.identify(pid);
  } catch {
    return null;
  }
}
