import type { LivenessDriver } from './driver.js';
import { createLinuxDriver } from './linux.js';
import { createPsDriver } from './ps.js';
import { createUnsupportedDriver } from './unsupported.js';

/**
 * The driver for a platform, by default the one we run on.
 *
 * `ps` is trusted on macOS only, where the kernel keeps a process's start as wall-clock time. Other systems
 * compute it from the time of boot, so that setting the clock would make every live process look like another.
 */
export function selectDriver(platform: NodeJS.Platform = process.platform): LivenessDriver {
  if (platform === 'linux') return createLinuxDriver();
  if (platform === 'darwin') return createPsDriver();
  return createUnsupportedDriver(platform);
}

/** This process's own driver. It reads nothing before it is used. */
export const defaultDriver: LivenessDriver = selectDriver();
