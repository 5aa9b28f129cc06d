import type { HostProcess } from '../db/host-processes.js';
import { processKey, type LivenessState } from '../domain/liveness.js';

/** A process that running rows name, and what is known of it. */
export interface KnownProcess extends HostProcess {
  /** As its last full probe saw it; null before the first. */
  state: LivenessState | null;
  /** It was reported, or left to the sweeps. */
  isTold: boolean;
}

/** Processes to take in one step. */
const STEP = 2_000;

/** What one full look at all processes saw, in runs. */
export interface Counts {
  seen: number;
  dead: number;
  unknown: number;
}

/** Whether a state makes a run worth a look of the reaper. */
export function isSymptom(state: LivenessState | null): boolean {
  return state === 'dead' || state === 'defunct';
}

/** The processes that the rows of one host name, and whose turn it is to be probed. Each process is known once, however many runs it has. */
export class KnownProcesses {
  #known = new Map<string, KnownProcess>();
  /** Those that this round has still to probe, the next one last. */
  #round: KnownProcess[] = [];

  /**
   * Takes what the rows name now, in steps of a few milliseconds. What is known of a process that they still name stays known; a new one
   * is next.
   */
  *take(processes: readonly HostProcess[]): Generator<void> {
    const now = new Map<string, KnownProcess>();
    const added: KnownProcess[] = [];
    for (const [n, process] of processes.entries()) {
      const key = processKey(process);
      let known = this.#known.get(key);
      if (known === undefined) {
        known = { ...process, state: null, isTold: false };
        added.push(known);
      }
      known.runs = process.runs;
      now.set(key, known);
      if (n % STEP === STEP - 1) yield;
    }
    this.#known = now;
    this.#round = [...this.#round, ...added];
  }

  get all(): Iterable<KnownProcess> {
    return this.#known.values();
  }

  /** No row names it any more. */
  forget(process: HostProcess): void {
    this.#known.delete(processKey(process));
  }

  /** Keeps what a full probe saw. A process that lives, or may live, is news again when it dies. */
  probed(known: KnownProcess, state: LivenessState): void {
    known.state = state;
    if (!isSymptom(state)) known.isTold = false;
  }

  /** The next ones to be probed. Empty when the round is over. */
  next(limit: number): KnownProcess[] {
    const taken: KnownProcess[] = [];
    while (taken.length < limit) {
      const known = this.#round.pop();
      if (known === undefined) break;
      if (this.#has(known)) taken.push(known);
    }
    return taken;
  }

  get isRoundOver(): boolean {
    return this.#round.length === 0;
  }

  beginRound(): void {
    this.#round = [...this.#known.values()];
  }

  /** In one that was forgotten and came again, another object is known. */
  #has(known: KnownProcess): boolean {
    return this.#known.get(processKey(known)) === known;
  }

  get counts(): Counts {
    const counts = { seen: 0, dead: 0, unknown: 0 };
    for (const { runs, state } of this.#known.values()) {
      counts.seen += runs;
      if (isSymptom(state)) counts.dead += runs;
      else if (state !== 'alive') counts.unknown += runs;
    }
    return counts;
  }
}
