import type { LivenessDriver } from './driver.js';
import { isPid } from './existence.js';
import { defaultDriver } from './select.js';

/**
 * The identity stamp of a process, for a launcher to store beside its pid. Take it after the spawn and before
 * the child is waited for: until then nobody else can get its pid.
 *
 * @returns null when no process has this pid or this platform cannot tell; store no stamp then.
 */
export function processIdentity(pid: number, driver: LivenessDriver = defaultDriver): string | null {
  if (!isPid(pid)) return null;
  try {
    return driver.identify(pid);
  } catch {
    return null;
  }
}
