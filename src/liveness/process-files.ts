import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { normalizeTicks } from './boot-time.js';

/** What `/proc/<pid>/stat` says. */
export interface ProcessStat {
  /** It has exited, all of its threads, and its parent has not collected it yet. */
  defunct: boolean;
  /** The pid of its parent, as that `/proc` counts. */
  parent: number;
  /** It is a thread of the kernel. */
  isKernel: boolean;
  /** Its start ticks on the kernel's own clock. */
  start: string;
}

const PF_KTHREAD = 0x200000;
/** How often a process is read that shows no thread. */
const READS = 3;

/**
 * Reads a process's `stat`.
 *
 * @param offset that of the reader: see `readBootOffset`
 * @throws if it cannot be read, or does not say when the process started
 */
export function readStat(procRoot: string, pid: number | 'self', offset: number): ProcessStat {
  let fields = readFields(procRoot, pid);
  // It has just been collected, or it lives: a thread that executes a new program takes the place of the first one, which then shows as
  // exited to whoever is reading. The next read tells which.
  for (let n = 1; n < READS && fields[18] === '0'; n += 1) fields = readFields(procRoot, pid);
  const [state, parent, flags] = [fields[1], fields[2], fields[7]];
  const [threads, read] = [fields[18], fields[20]];
  if (state === undefined || threads === undefined || read === undefined || !/^\d+$/.test(read)) {
    throw new Error('its stat file has an unexpected format');
  }
  const start = normalizeTicks(read, offset);
  if (start === null) throw new Error(`its start tick ${read} is impossible`);
  return {
    // A process whose main thread has ended shows Z while other threads still run: it has not exited.
    defunct: /^[ZXx]$/.test(state) && Number(threads) <= 1,
    parent: Number(parent),
    isKernel: (Number(flags) & PF_KTHREAD) !== 0,
    start,
  };
}

function readFields(procRoot: string, pid: number | 'self'): string[] {
  const text = readFileSync(join(procRoot, String(pid), 'stat'), 'latin1');
  // The command name may contain spaces and parentheses: count fields only after the LAST parenthesis.
  return text.slice(text.lastIndexOf(')') + 1).split(/\s+/);
}

/**
 * A process's pid in every namespace from that of the `/proc` down to its own.
 *
 * @throws if it cannot be read, or another process's files are mounted over its own
 */
export function readPids(procRoot: string, pid: number): number[] {
  const status = readFileSync(join(procRoot, String(pid), 'status'), 'latin1');
  // Not NSpid: that is the first thread's, which has another one for a moment while another thread executes a new program.
  const pids = (/^NStgid:(.*)$/m.exec(status)?.[1] ?? '').trim().split(/\s+/).map(Number);
  if (pids[0] !== pid || !pids.every((one) => Number.isInteger(one) && one > 0)) {
    throw new Error('its status file does not name its pids (NStgid)');
  }
  return pids;
}

/**
 * The inode of the pid namespace that a process is in.
 *
 * @throws if it cannot be read: of another user's process only CAP_SYS_PTRACE may
 */
export function readPidNamespace(procRoot: string, pid: number | 'self'): string {
  const path = join(procRoot, String(pid), 'ns/pid');
  const inode = /^pid:\[(\d+)\]$/.exec(readlinkSync(path))?.[1];
  if (inode === undefined) throw new Error(`${path} contains no pid namespace`);
  return inode;
}

/**
 * Makes sure that a `/proc` shows the pid namespace of this process. After `unshare --pid` without a new mount, it still shows the outer
 * one, where our pids are other processes. `NSpid` lists this process's pid in every namespace from that of `/proc` down to its own.
 *
 * @throws if it shows another one, or cannot be read
 */
export function expectOwnProc(procRoot: string): void {
  const status = readFileSync(join(procRoot, 'self/status'), 'latin1');
  const pids = (/^NSpid:(.*)$/m.exec(status) ?? /^Pid:(.*)$/m.exec(status))?.[1]?.trim();
  if (pids !== String(process.pid))
    throw new Error(`${procRoot} shows another pid namespace than the probe's own`);
}

/** Whether a read failed because there is no such process (any more). */
export function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');
}
