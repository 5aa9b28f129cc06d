import { spawn } from 'node:child_process';
import { selectDriver } from './select.js';
import { parseStamp } from './stamp.js';
import { TICKS_PER_S } from './boot-time.js';

/** How long the kernel and pid 1 of this process's namespace have been running, in seconds; null if unknown. */
export interface Uptimes {
  kernelS: number | null;
  pid1S: number | null;
}

/**
 * Measures with the start of a new child, because `/proc/uptime` and `os.uptime()` may be a container's (lxcfs) or mounted over.
 * Never throws.
 */
export function measureUptimes(): Uptimes {
  try {
    const kernelTicks = startOfNewChild();
    const pid1Ticks = startOf(1);
    return {
      kernelS: kernelTicks === null ? null : kernelTicks / TICKS_PER_S,
      pid1S: kernelTicks === null || pid1Ticks === null ? null : (kernelTicks - pid1Ticks) / TICKS_PER_S,
    };
  } catch {
    return { kernelS: null, pid1S: null };
  }
}

function startOfNewChild(): number | null {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore', env: {} });
  child.on('error', () => undefined);
  // It is not collected before this returns to the event loop, so no other process has its pid, even if it has ended.
  return child.pid === undefined ? null : startOf(child.pid);
}

function startOf(pid: number): number | null {
  const stamp = parseStamp(selectDriver().identify(pid) ?? '');
  return stamp?.scheme === 'linux' ? Number(stamp.start) : null;
}
