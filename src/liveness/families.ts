import { setImmediate } from 'node:timers/promises';
import { processKey, type ProcessStamp } from '../domain/liveness.js';
import { isGone, readStat } from './process-files.js';
import type { ProcessList } from './scan.js';

/** What became of the children that a process had when it was last seen. */
export type Survivors =
  /** Nobody looked for them in the last seconds of its life. */
  | { kind: 'unobserved' }
  /** `pids` are those that live on, as the list counts. */
  | { kind: 'observed'; pids: readonly number[] };

interface Family {
  /** When its children were listed, and when it was last proven alive, by performance.now(). */
  listedMs: number;
  aliveMs: number;
  children: readonly { pid: number; start: string }[];
}

/** How long before its last sign of life a process's children must have been seen. */
const FRESH_MS = 10_000;
/** Processes to take before other work gets its turn. */
const STEP = 100;

/**
 * The children of the processes that a sentinel looks after. A wrapper, a supervisor or a job's own code can die while what it has
 * started goes on with the work.
 */
export class Families {
  readonly #known = new Map<string, Family>();

  /**
   * Keeps the children that a list shows of these processes, and forgets all other processes.
   *
   * @param pidOf a process's pid as the list counts; null if it is not known
   */
  async keep(
    processes: readonly ProcessStamp[],
    pidOf: (process: ProcessStamp) => number | null,
    list: ProcessList,
  ): Promise<void> {
    const keys = new Set<string>();
    for (const [n, process] of processes.entries()) {
      if (n % STEP === STEP - 1) await setImmediate();
      const key = processKey(process);
      keys.add(key);
      const pid = list.incomplete === null ? pidOf(process) : null;
      if (pid === null) continue;
      const children = list
        .childrenOf(pid)
        .filter(({ defunct }) => !defunct)
        .map(({ pids: [listed = 0], start }) => ({ pid: listed, start }));
      this.#known.set(key, { listedMs: list.beganMs, aliveMs: list.beganMs, children });
    }
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
  }

  /** The process has been proven alive. */
  isAlive(process: ProcessStamp): void {
    const family = this.#known.get(processKey(process));
    if (family !== undefined) family.aliveMs = performance.now();
  }

  /** What became of a dead process's children. */
  survivors(process: ProcessStamp, procRoot: string, offset: number): Survivors {
    const family = this.#known.get(processKey(process));
    if (family === undefined || family.aliveMs - family.listedMs > FRESH_MS) return { kind: 'unobserved' };
    const living = family.children.filter(({ pid, start }) => isLiving(procRoot, offset, pid, start));
    return { kind: 'observed', pids: living.map(({ pid }) => pid) };
  }
}

function isLiving(procRoot: string, offset: number, pid: number, start: string): boolean {
  try {
    const stat = readStat(procRoot, pid, offset);
    return stat.start === start && !stat.defunct;
  } catch (error) {
    // What cannot be read may live.
    return !isGone(error);
  }
}
