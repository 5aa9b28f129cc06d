import { readFileSync, readlinkSync, realpathSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../domain/trouble.js';
import { INITIAL_PID_NAMESPACE, isKernelsOwn, PROC_MAGIC } from './place.js';
import { expectOwnProc, readPidNamespace, readStat } from './process-files.js';
import { isBootId } from './stamp.js';

/** What the processes that a mount of `/proc` lists can prove. */
export interface View {
  /** The inode of the pid namespace whose processes it lists: those of its descendants are among them. */
  pidNamespace: string;
  /** The boot id as this mount shows it. */
  bootId: string;
  /** It lists all processes of this kernel: it is a mount of the first pid namespace's, and the boot id is the kernel's own. */
  isInitial: boolean;
  /** Why processes may be missing in the list; null if none can be. */
  hidden: string | null;
  /** Whether the namespaces of other users' processes can be read. */
  canTrace: boolean;
}

/** The inode that every kernel gives its first user namespace. */
const INITIAL_USER_NAMESPACE = 'user:[4026531837]';
const CAP_SYS_PTRACE = 19n;

/**
 * Reads what can be concluded from a mount of `/proc`. To be read again for each list of processes: capabilities can be dropped, and
 * mounts changed.
 *
 * @throws if the mount does not say
 */
export function readView(procRoot: string): View {
  const bootFile = join(procRoot, 'sys/kernel/random/boot_id');
  const bootId = readFileSync(bootFile, 'utf8').trim();
  if (!isBootId(bootId)) throw new Error(`${bootFile} contains no boot id`);
  const isWhole = listsKernelThreads(procRoot);
  const canTrace = holdsPtrace();
  return {
    pidNamespace: isWhole ? INITIAL_PID_NAMESPACE : readOwnNamespace(procRoot),
    bootId,
    isInitial: isWhole && isKernelsOwn(bootFile, bootId),
    hidden: whyHidden(procRoot, canTrace),
    canTrace,
  };
}

/** Why a path is no mount of the host's `/proc`; null if it is one. */
export function whyNoHostProc(procRoot: string): string | null {
  try {
    if (statfsSync(procRoot).type !== PROC_MAGIC) return 'it is not a mount of proc';
    if (!listsKernelThreads(procRoot)) {
      return "its pid 2 is no kernel thread that this process can see: it is a container's, or mounted with hidepid";
    }
    const { bootId } = readView(procRoot);
    const own = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return bootId === own ? null : `it shows boot ${bootId}, and this process's /proc shows boot ${own}`;
  } catch (error) {
    return messageOf(error);
  }
}

/** Only in the first pid namespace are there threads of the kernel, and its second process is always one. */
function listsKernelThreads(procRoot: string): boolean {
  try {
    return readStat(procRoot, 2, 0).isKernel;
  } catch {
    return false;
  }
}

/** The namespace of a mount is known only if it is this process's own. */
function readOwnNamespace(procRoot: string): string {
  expectOwnProc(procRoot);
  return readPidNamespace(procRoot, 'self');
}

/**
 * `hidepid` hides other users' processes from everybody without CAP_SYS_PTRACE. With it, a security module can still hide some, without
 * an error: then only an unconfined process sees them all.
 */
function whyHidden(procRoot: string, canTrace: boolean): string | null {
  const options = readMountOptions(procRoot);
  if (options === null) return `${procRoot} is not in /proc/self/mountinfo`;
  const hidepid = options.find((option) => /^hidepid=(?!0$|off$)/.test(option));
  if (hidepid === undefined) return null;
  if (!canTrace) return `${procRoot} is mounted with ${hidepid}, and this process lacks CAP_SYS_PTRACE`;
  return isConfined()
    ? `${procRoot} is mounted with ${hidepid}, and a security module confines this process`
    : null;
}

/** Null if it is not mounted. Where several are mounted, the last one counts. */
function readMountOptions(procRoot: string): string[] | null {
  const path = realpathSync(procRoot);
  const { dev } = statSync(path);
  const device = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
  let found: string[] | null = null;
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const fields = before.split(' ');
    if (fields[2] !== device || unescaped(fields[4] ?? '') !== path) continue;
    found = [...(fields[5] ?? '').split(','), ...(after.split(' ')[2] ?? '').split(',')];
  }
  return found;
}

function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

function isConfined(): boolean {
  try {
    return !['', 'unconfined'].includes(
      readFileSync('/proc/self/attr/current', 'utf8').replaceAll('\0', '').trim(),
    );
  } catch {
    // No security module is active.
    return false;
  }
}

/** A capability in another user namespace than the first means nothing for processes outside of it. */
function holdsPtrace(): boolean {
  try {
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    if (effective === undefined || ((BigInt(`0x${effective}`) >> CAP_SYS_PTRACE) & 1n) === 0n) return false;
    return readlinkSync('/proc/self/ns/user') === INITIAL_USER_NAMESPACE;
  } catch {
    return false;
  }
}
