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
export function selectDriver(platform: NodeJS.Platform = process.platform): LivenessDriver {
  if (platform === 'linux') return createLinuxDriver();
  if (platform === 'darwin') return createPsDriver();
  return createUnsupportedDriver(platform);
}

/** The driver of this platform. It reads nothing before it is used. */
export const defaultDriver: LivenessDriver = selectDriver();
