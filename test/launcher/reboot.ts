import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLinuxDriver, type LivenessDriver } from '../../src/liveness/index.js';
import { forged, OTHER_BOOT } from '../liveness/stamps.js';

const MACHINE = 'a'.repeat(32);

/** This machine with a machine id of its own: images have none, and then no reboot can be proven. */
export function machineWithId(): LivenessDriver {
  const folder = mkdtempSync(join(tmpdir(), 'machine-'));
  try {
    const machineIdFile = join(folder, 'machine-id');
    writeFileSync(machineIdFile, MACHINE);
    const driver = createLinuxDriver({ machineIdFile });
    // It reads the file once, at its first use.
    driver.identify(process.pid);
    return driver;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A stamp of {@link machineWithId} from before it was rebooted. */
export function stampBeforeReboot(fields: Parameters<typeof forged>[1] = {}): string {
  return forged(process.pid, { machineId: MACHINE, bootId: OTHER_BOOT, ...fields });
}
