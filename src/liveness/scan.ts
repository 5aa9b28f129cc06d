import { readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { messageOf } from '../domain/trouble.js';
import { readBootOffset } from './boot-time.js';
import { isGone, readPids, readStat, type ProcessStat } from './process-files.js';
import { readView, type View } from './view.js';

/** A process as a list shows it. */
export interface ListedProcess extends Omit<ProcessStat, 'isKernel'> {
  /** Its pid in every namespace from that of the list down to its own. */
  pids: readonly number[];
}

/** All processes that one mount of `/proc` lists. */
export interface ProcessList {
  /** When it was begun, by performance.now(). */
  beganMs: number;
  /** Null if that could not be read. */
  view: View | null;
  /** Why a process may be missing; null if none can be that was there all the time. */
  incomplete: string | null;
  /** Those that have this pid in any namespace. */
  withPid: (pid: number) => readonly ListedProcess[];
  childrenOf: (pid: number) => readonly ListedProcess[];
}

/** Milliseconds of reading before other work gets its turn. */
const STEP_MS = 4;

/**
 * Lists the processes of a mount of `/proc`. In steps on the event loop: the files of `/proc` are computed in memory, so no read waits for
 * a device, and a thread of its own would cost more memory and more time than the list.
 *
 * A process that lives all the while is in the list, whatever starts and ends meanwhile: the kernel lists pids in their order, and neither
 * exec nor the end of a process's first thread changes its pid or its start. Never throws.
 */
export async function listProcesses(procRoot: string): Promise<ProcessList> {
  const beganMs = performance.now();
  const byPid = new Map<number, ListedProcess[]>();
  const byParent = new Map<number, ListedProcess[]>();
  let view: View | null = null;
  let incomplete: string | null = null;
  try {
    view = readView(procRoot);
    const offset = readBootOffset('/proc');
    let turnMs = beganMs;
    /** Those without files. */
    const readAll = async (pids: readonly number[]): Promise<Set<number>> => {
      const missing = new Set<number>();
      for (const pid of pids) {
        if (performance.now() - turnMs >= STEP_MS) {
          await setImmediate();
          turnMs = performance.now();
        }
        const found = readListed(procRoot, pid, offset);
        if (typeof found === 'string') incomplete ??= found;
        else if (found === null) missing.add(pid);
        else {
          for (const one of new Set(found.pids)) append(byPid, one, found);
          append(byParent, found.parent, found);
        }
      }
      return missing;
    };
    const missing = await readAll(listPids(procRoot));
    // They have ended, unless they are still listed: something can be mounted over them, and the kernel says the same when it is out of
    // memory.
    const again = missing.size === 0 ? [] : listPids(procRoot).filter((pid) => missing.has(pid));
    const [hidden] = await readAll(again);
    if (hidden !== undefined)
      incomplete ??= `process ${hidden} of ${procRoot} is listed, and its files are missing`;
    // What this process may see can have changed in between, and so can the mount.
    const after = readView(procRoot);
    incomplete ??= view.hidden ?? after.hidden;
    if (after.pidNamespace !== view.pidNamespace) incomplete ??= `${procRoot} has become another mount`;
  } catch (error) {
    incomplete = messageOf(error);
  }
  return {
    beganMs,
    view,
    incomplete,
    withPid: (pid) => byPid.get(pid) ?? [],
    childrenOf: (pid) => byParent.get(pid) ?? [],
  };
}

function listPids(procRoot: string): number[] {
  return readdirSync(procRoot)
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Null if its files are missing; a text if it is there and cannot be read. */
function readListed(procRoot: string, pid: number, offset: number): ListedProcess | string | null {
  try {
    const { start, defunct, parent } = readStat(procRoot, pid, offset);
    return { start, defunct, parent, pids: readPids(procRoot, pid) };
  } catch (error) {
    return isGone(error) ? null : `process ${pid} of ${procRoot} cannot be read: ${messageOf(error)}`;
  }
}

function append(map: Map<number, ListedProcess[]>, key: number, process: ListedProcess): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [process]);
  else known.push(process);
}

/** Makes one list at a time, shared by all who ask for it before it begins. */
export class Scanner {
  readonly #list: () => Promise<ProcessList>;
  #current: Promise<ProcessList> | null = null;
  #next: Promise<ProcessList> | null = null;
  #last: ProcessList | null = null;

  constructor(list: () => Promise<ProcessList>) {
    this.#list = list;
  }

  /** A list that was begun at or after this time, by performance.now(). */
  async listSince(ms: number): Promise<ProcessList> {
    if (this.#last !== null && this.#last.beganMs >= ms) return this.#last;
    // The one under way may have begun earlier: only the next one certainly begins later.
    this.#next ??= this.#after(this.#current);
    return this.#next;
  }

  async #after(current: Promise<unknown> | null): Promise<ProcessList> {
    await current;
    this.#current = this.#list();
    this.#next = null;
    const list = await this.#current;
    this.#current = null;
    this.#last = list;
    return list;
  }
}
