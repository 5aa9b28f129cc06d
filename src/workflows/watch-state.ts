import { setCurrentDetails } from '@temporalio/workflow';
import { advanceClock, type WatchClock } from '../domain/watch-clock.js';
import { FRESH_MEMORY, type JobRun, type RunRef, type WatchMemory } from '../domain/types.js';
import { describeWatch } from './describe-watch.js';
import type { Poke, WatchState } from './messages.js';

const STORY_LINES = 20;

/** What a watch carries into its next execution. */
export interface CarriedWatch {
  memory: WatchMemory;
  /** Null before the first look; absent from what an older version carried. */
  clock?: WatchClock | null;
  story: string[];
  pokes: Poke['why'][];
  park: boolean;
}

/** Input of `watchJob`. */
export interface WatchInput extends RunRef {
  /** The first poke; a watch without one starts parked. */
  poke: Poke | null;
  carried?: CarriedWatch;
  /** For tests: continue as new after this many looks, as if the history had grown too long. */
  continueAfterLooks?: number;
}

/** How a watch ended. */
export interface WatchResult {
  outcome:
    | 'done'
    | 'queued'
    | 'failed'
    | 'ended by itself'
    | 'reaped by another'
    | 'nothing to do'
    /** It could not be claimed; another watch retries at the time that `job-reaper status` shows. */
    | 'not claimed';
  reason: string;
  evidence: Record<string, unknown> | null;
}

/** What one look calls for. */
export type Step =
  | { kind: 'end'; result: WatchResult; owedNotificationId?: number | null }
  | { kind: 'idle'; why: string }
  /** The run cannot be claimed now: a later sweep wakes its watch, or starts another. */
  | { kind: 'give up'; why: string }
  | { kind: 'wait'; waitMs: number; why: string }
  | { kind: 'again' };

/** One watch's state: its pokes, what it remembers, and its story for its page in the Web UI. */
export class Watch {
  memory: WatchMemory;
  #clock: WatchClock | null;
  /** The last claim was refused: the run was over, or had changed since it was observed. */
  refused = false;
  /** The run as last read, or null before the first look. */
  run: JobRun | null = null;
  readonly story: string[];
  #phase: WatchState['phase'] = 'looking';
  #why = '';
  #nextLookMs: number | null = null;
  /** Pokes coalesce: three symptoms cause one look. */
  readonly #pokes: Set<Poke['why']>;
  #park: boolean;

  constructor(readonly input: WatchInput) {
    this.memory = input.carried?.memory ?? FRESH_MEMORY;
    this.#clock = input.carried?.clock ?? null;
    this.story = input.carried?.story ?? [];
    this.#pokes = new Set(input.carried?.pokes ?? (input.poke ? [input.poke.why] : []));
    this.#park = input.carried?.park ?? input.poke?.park ?? true;
  }

  /** Whether the watch parks when there is nothing to do; else it ends. */
  get park(): boolean {
    return this.#park;
  }

  poke({ why, park }: Poke): void {
    this.#pokes.add(why);
    this.#park = park;
  }

  /** Forgets that the run shows a symptom, but not an operator's request, nor that something has changed. */
  dropSymptoms(): void {
    this.#pokes.delete('symptom');
    this.#pokes.delete('dead');
  }

  get poked(): boolean {
    return this.#pokes.size > 0;
  }

  /** Whether something cannot wait for the next look: the run may be over, or the reason to wait may no longer hold. */
  get urgent(): boolean {
    const isCollected = this.memory.defunctSinceMs !== null && this.#pokes.has('dead');
    return isCollected || this.#pokes.has('look') || this.#pokes.has('reap');
  }

  /**
   * The watch's clock in milliseconds, which no step of another clock can speed up.
   *
   * @param readMs when the run was read, by the database's clock; missing from workers of older versions
   */
  clockMs(readMs: number | undefined): number {
    this.#clock = advanceClock(this.#clock, Date.now(), readMs ?? null);
    return this.#clock.nowMs;
  }

  /** Takes all pokes; true if an operator's `reap` was among them. */
  takePokes(): boolean {
    const reap = this.#pokes.has('reap');
    this.#pokes.clear();
    return reap;
  }

  get phase(): WatchState['phase'] {
    return this.#phase;
  }

  /** Why the watch is in its phase, in words. */
  get why(): string {
    return this.#why;
  }

  /** When it looks again by itself, by Temporal's clock; null if only a poke wakes it. */
  get nextLookMs(): number | null {
    return this.#nextLookMs;
  }

  /** Enters a phase, and shows it on the watch's page. */
  enter(phase: WatchState['phase'], why = '', nextLookMs: number | null = null): void {
    this.#phase = phase;
    this.#why = why;
    this.#nextLookMs = nextLookMs;
    setCurrentDetails(describeWatch(this));
  }

  /** Adds a line to the story unless it repeats the last one. A line starts with a verb. */
  tell(line: string): void {
    if (this.story.at(-1)?.endsWith(line) === true) return;
    this.story.push(`${new Date().toISOString().slice(0, 19)}Z ${line}`);
    this.story.splice(0, this.story.length - STORY_LINES);
    setCurrentDetails(describeWatch(this));
  }

  carry(): CarriedWatch {
    return {
      memory: this.memory,
      clock: this.#clock,
      story: this.story,
      pokes: [...this.#pokes],
      park: this.#park,
    };
  }

  state(): WatchState {
    return {
      phase: this.#phase,
      streak: this.memory.streak,
      nextLookMs: this.#nextLookMs,
      story: [...this.story],
    };
  }
}
