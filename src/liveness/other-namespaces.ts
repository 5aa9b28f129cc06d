import { processKey, type ProcessStamp } from '../domain/liveness.js';
import { messageOf } from '../domain/trouble.js';
import { isSameStart } from './boot-time.js';
import type { PlacedProcess, Trace } from './driver.js';
import { isPid } from './existence.js';
import { Families, type Survivors } from './families.js';
import { findProcess, type Finding } from './find-process.js';
import { isGone, readStat } from './process-files.js';
import { listProcesses, Scanner, type ProcessList } from './scan.js';
import { parseStamp, type LinuxStamp } from './stamp.js';

/** Processes to remember at most: far more than one machine runs. */
const MAX_KNOWN = 100_000;

/**
 * Finds the processes of stamps from other pid namespaces of this boot among all processes that a mount of `/proc` lists. One that was
 * found is remembered by its pid in that list: from then on, a look at it reads one file.
 */
export class OtherNamespaces {
  readonly families = new Families();
  readonly #procRoot: string;
  readonly #offset: () => number;
  readonly #scanner: Scanner;
  readonly #known = new Map<string, PlacedProcess>();

  /** @param offset that of this process's time namespace; throws if that is in doubt */
  constructor(procRoot: string, offset: () => number) {
    this.#procRoot = procRoot;
    this.#offset = offset;
    this.#scanner = new Scanner(() => listProcesses(procRoot));
  }

  /** A list of all processes that began at or after this time, by performance.now(). */
  listSince(ms: number): Promise<ProcessList> {
    return this.#scanner.listSince(ms);
  }

  /** Whether a process was found before. */
  hasFound(process: ProcessStamp): boolean {
    return this.#known.size > 0 && this.#known.has(processKey(process));
  }

  /** What one look at a process that was found before says: the exact pid and start never come again. */
  recall(process: ProcessStamp & { pid: number | null }): Trace {
    const known = this.#known.get(processKey(process));
    if (known === undefined) return { kind: 'unclear', why: 'it has not been found among the processes yet' };
    const seen = this.#recall(known);
    switch (seen) {
      case 'alive':
        return { kind: 'found', how: this.#foundAs(known.pid) };
      case 'defunct':
        return { kind: 'exited', how: `as process ${known.pid} of ${this.#procRoot}` };
      case 'gone':
        return { kind: 'gone', how: `process ${known.pid} of ${this.#procRoot}, which it was, is gone` };
      default:
        return { kind: 'unclear', why: seen.why };
    }
  }

  /**
   * What a list of all processes says of the process of a stamp. Remembers it if it was found.
   *
   * @param list null if each process was known to be there
   */
  traceIn(list: ProcessList | null, process: ProcessStamp & { pid: number }): Trace {
    const recalled = this.recall(process);
    if (recalled.kind === 'found' || recalled.kind === 'exited') return recalled;
    const stamp = stampOf(process);
    if (stamp === null) return { kind: 'unclear', why: 'it has no stamp' };
    if (list === null) {
      return { kind: 'unclear', why: 'the processes of other pid namespaces were not listed' };
    }
    const found = this.#find(list, process.pid, stamp);
    const where = `in the list of ${this.#procRoot}`;
    switch (found.kind) {
      case 'found':
        this.#remember(process, found);
        if (found.defunct) return { kind: 'exited', how: `as process ${found.pid} ${where}` };
        return { kind: 'found', how: this.#foundAs(found.pid) };
      case 'exited':
        return { kind: 'exited', how: `as process ${found.pid} ${where}` };
      case 'gone':
        this.#known.delete(processKey(process));
        return {
          kind: 'gone',
          how: `no process of this machine has this pid in any pid namespace and start tick ${stamp.start} (complete list of ${this.#procRoot})`,
        };
      case 'unclear':
        return found;
    }
  }

  /**
   * Keeps the children of these processes, and remembers those that are found.
   *
   * @param ofHere the process of a stamp from the reader's own pid namespace; null for any other
   */
  async keepFamilies(
    processes: readonly ProcessStamp[],
    ofHere: (process: ProcessStamp) => PlacedProcess | null,
  ): Promise<void> {
    const list = await this.listSince(performance.now());
    await this.families.keep(processes, (process) => this.#listedAs(process, ofHere, list), list);
  }

  /** Null where processes have no stamp that says whose children they are. */
  survivorsOf(process: ProcessStamp): Survivors | null {
    if (stampOf(process) === null) return null;
    try {
      return this.families.survivors(process, this.#procRoot, this.#offset());
    } catch {
      return { kind: 'unobserved' };
    }
  }

  #listedAs(
    process: ProcessStamp,
    ofHere: (process: ProcessStamp) => PlacedProcess | null,
    list: ProcessList,
  ): number | null {
    try {
      const own = ofHere(process);
      if (own !== null) {
        const listed = list
          .withPid(own.pid)
          .find(({ pids }) => pids.at(-1) === own.pid && pids[0] === own.pid);
        return listed !== undefined && isSameStart(listed.start, own.start) ? own.pid : null;
      }
      const stamp = stampOf(process);
      if (stamp === null || !isPid(process.pid)) return null;
      const found = this.#find(list, process.pid, stamp);
      if (found.kind !== 'found') return null;
      this.#remember(process, found);
      return found.pid;
    } catch {
      return null;
    }
  }

  #find(list: ProcessList, pid: number, stamp: LinuxStamp): Finding {
    try {
      return findProcess(this.#procRoot, list, this.#offset(), pid, stamp);
    } catch (error) {
      return { kind: 'unclear', why: messageOf(error) };
    }
  }

  #remember(process: ProcessStamp, { pid, start }: PlacedProcess): void {
    const key = processKey(process);
    this.#known.delete(key);
    const oldest = this.#known.keys().next();
    if (this.#known.size >= MAX_KNOWN && oldest.done !== true) this.#known.delete(oldest.value);
    this.#known.set(key, { pid, start });
  }

  #recall({ pid, start }: PlacedProcess): 'alive' | 'defunct' | 'gone' | { why: string } {
    try {
      const stat = readStat(this.#procRoot, pid, this.#offset());
      if (stat.start !== start) return 'gone';
      return stat.defunct ? 'defunct' : 'alive';
    } catch (error) {
      return isGone(error) ? 'gone' : { why: messageOf(error) };
    }
  }

  #foundAs(pid: number): string {
    return `it is process ${pid} of ${this.#procRoot}`;
  }
}

function stampOf({ processIdentity }: ProcessStamp): LinuxStamp | null {
  const stamp = processIdentity === null ? null : parseStamp(processIdentity);
  return stamp?.scheme === 'linux' ? stamp : null;
}
