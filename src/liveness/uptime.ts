import { spawn } from 'node:child_process';
import type { LivenessDriver } from './driver.js';
import { driverFor } from './select.js';
import { parseStamp } from './stamp.js';
import { TICKS_PER_S } from './boot-time.js';

/** How long the kernel, and pid 1 of the place that a probe reports, have been running, in seconds; null if unknown. */
export interface Uptimes {
  kernelS: number | null;
  pid1S: number | null;
}

/**
 * Measures with the start of a new child, because `/proc/uptime` and `os.uptime()` may be a container's (lxcfs) or mounted over.
 * Never throws.
 */
export function measureUptimes(driver: LivenessDriver = driverFor()): Uptimes {
  try {
    const kernelTicks = startOfNewChild(driver);
    const pid1 = driver.inPlace(1);
    const pid1Ticks = pid1.kind === 'present' ? Number(pid1.start) : null;
    return {
      kernelS: kernelTicks === null ? null : kernelTicks / TICKS_PER_S,
      pid1S: kernelTicks === null || pid1Ticks === null ? null : (kernelTicks - pid1Ticks) / TICKS_PER_S,
    };
  } catch {
    return { kernelS: null, pid1S: null };
  }
}

function startOfNewChild(driver: LivenessDriver): number | null {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore', env: {} });
  child.on('error', () => undefined);
  if (child.pid === undefined) return null;
  // It is not collected before this returns to the event loop, so no other process has its pid, even if it has ended.
  const stamp = parseStamp(driver.identify(child.pid) ?? '');
  return stamp?.scheme === 'linux' ? Number(stamp.start) : null;
}
