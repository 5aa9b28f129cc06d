import { spawn } from 'node:child_process';
import { selectDriver } from './select.js';
import { parseStamp } from './stamp.js';
import { TICKS_PER_S } from './boot-time.js';

/** How long the kernel and pid 1 of this process's namespace have run, in seconds; null for what cannot be told. */
export interface Uptimes {
  kernelS: number | null;
  pid1S: number | null;
}

/**
 * Measures by the start of a fresh child: what `/proc/uptime` and `os.uptime()` say can be a container's (lxcfs), or be mounted
 * over. Never throws.
 */
export function measureUptimes(): Uptimes {
  try {
    const kernelTicks = startOfFreshChild();
    const pid1Ticks = startOf(1);
    return {
      kernelS: kernelTicks === null ? null : kernelTicks / TICKS_PER_S,
      pid1S: kernelTicks === null || pid1Ticks === null ? null : (kernelTicks - pid1Ticks) / TICKS_PER_S,
    };
  } catch {
    return { kernelS: null, pid1S: null };
  }
}

function startOfFreshChild(): number | null {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore', env: {} });
  child.on('error', () => undefined);
  // Not collected before this returns to the event loop, so its pid is nobody else's, even if it has ended.
  return child.pid === undefined ? null : startOf(child.pid);
}

function startOf(pid: number): number | null {
  const stamp = parseStamp(selectDriver().identify(pid) ?? '');
  return stamp?.scheme === 'linux' ? Number(stamp.start) : null;
}
