import type { LivenessDriver } from './driver.js';
import { createLinuxDriver } from './linux.js';
import { createPsDriver } from './ps.js';
import { createUnsupportedDriver } from './unsupported.js';

/**
 * The driver for a platform, by default this one.
 *
 * `ps` is trusted on macOS only, where the kernel keeps a process's start as wall-clock time. Other systems
 * compute it from the time of boot, so setting the clock would make every live process look like another one.
 */
export function selectDriver(
  platform: NodeJS.Platform = process.platform,
  hostProc = '/proc',
): LivenessDriver {
  if (platform === 'linux') return createLinuxDriver({ hostProc });
  if (platform === 'darwin') return createPsDriver();
  return createUnsupportedDriver(platform);
}

const drivers = new Map<string, LivenessDriver>();

/**
 * The one driver of this process for a mount of the host's `/proc` (REAPER_PROC): all who look share its lists of processes, what it has
 * found, and the children that its sentinel has seen. It reads nothing before it is used.
 *
 * @param hostProc has no meaning on platforms without `/proc`
 */
export function driverFor(hostProc = '/proc'): LivenessDriver {
  const driver = drivers.get(hostProc) ?? selectDriver(process.platform, hostProc);
  drivers.set(hostProc, driver);
  return driver;
}
