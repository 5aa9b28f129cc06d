import { readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { readPidNamespace } from './process-files.js';
import { isBootId } from './stamp.js';

/** Where a process is: everything that the meaning of its pid depends on. */
export interface Place {
  /** Empty if the machine has none, or not one of its own. */
  machineId: string;
  bootId: string;
  /** The inode of this process's pid namespace. */
  pidNamespace: string;
  /** Whether this is the kernel's first pid namespace, with a boot id that is the kernel's own. */
  isInitial: boolean;
}

/** Where {@link readPlace} reads. */
export interface PlaceOptions {
  /** @default '/proc' */
  procRoot?: string;
  /** @default '/etc/machine-id' */
  machineIdFile?: string;
}

/** The inode that every kernel gives its first pid namespace. */
export const INITIAL_PID_NAMESPACE = '4026531836';
/** What statfs says of a file of `/proc`. */
export const PROC_MAGIC = 0x9fa0;

/**
 * Reads where this process is.
 *
 * @throws if `/proc` does not say
 */
export function readPlace(options: PlaceOptions = {}): Place {
  const { procRoot = '/proc', machineIdFile = '/etc/machine-id' } = options;
  const bootFile = join(procRoot, 'sys/kernel/random/boot_id');
  const bootId = readFileSync(bootFile, 'utf8').trim();
  if (!isBootId(bootId)) throw new Error(`${bootFile} contains no boot id`);
  /*
   * A pid counts in the namespace of its reader. So a stamp names its writer's namespace, even for a child that was
   * started in a nested one: there the same number means another process, or none.
   */
  const pidNamespace = readPidNamespace(procRoot, 'self');
  const isInitial = pidNamespace === INITIAL_PID_NAMESPACE && isKernelsOwn(bootFile, bootId);
  return { machineId: readMachineId(machineIdFile), bootId, pidNamespace, isInitial };
}

/**
 * Container managers (LXC, systemd-nspawn) mount their own file over the kernel's boot id: either one on another file system, or
 * the kernel's source of random ids, which returns another id each time.
 */
export function isKernelsOwn(bootFile: string, bootId: string): boolean {
  return statfsSync(bootFile).type === PROC_MAGIC && readFileSync(bootFile, 'utf8').trim() === bootId;
}

/** Empty unless it is a real one: in images the file may be missing, empty, zeroed or say `uninitialized`. */
function readMachineId(file: string): string {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return /^[0-9a-f]{32}$/.test(text) && !/^0+$/.test(text) ? text : '';
  } catch {
    return '';
  }
}
