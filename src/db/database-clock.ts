import type { Queryable } from './database.js';

/** Seconds that the clock has to be off by: less is jitter, and a slewed clock is no step. */
const STEP_S = 2;

interface Reading {
  now: Date;
  /** The last step on record, 0 for none. */
  known: number;
  /** This process's monotonic clock in milliseconds, before the reading was asked for and after it came. */
  askedMs: number;
  gotMs: number;
}

/** What {@link DatabaseClock} needs. */
export interface DatabaseClockOptions {
  pool: Queryable;
  /** Told of each step that this process puts on record: seconds, above 0 when the clock was put forward. */
  onStep: (stepS: number) => void;
  /** @default this process's own clock in milliseconds */
  monotonicMs?: () => number;
}

/**
 * Notices steps of the database's clock, by which ages and deadlines are told. This process's own clock is monotonic: two
 * readings tell how long it really was between them.
 */
export class DatabaseClock {
  readonly #options: DatabaseClockOptions;
  readonly #monotonicMs: () => number;
  #last: Reading | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: DatabaseClockOptions) {
    this.#options = options;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
  }

  /** Reads ages that no step has spoiled: again, when one became known meanwhile. */
  async read<T>(work: () => Promise<T>): Promise<T> {
    for (let before = await this.check(); ;) {
      const result = await work();
      const after = await this.check();
      if (after === before) return result;
      before = after;
    }
  }

  /** Reads the clock, and puts a step since the last reading on record. Returns the last step on record, 0 for none. */
  async check(): Promise<number> {
    // One after the other, so that nobody goes by a reading whose step is not on record yet.
    const mine = this.#turn.then(() => this.#check());
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #check(): Promise<number> {
    const before = this.#last;
    const reading = await this.#read();
    if (before !== null) {
      const dbS = (reading.now.getTime() - before.now.getTime()) / 1000;
      const mostS = (reading.gotMs - before.askedMs) / 1000;
      const leastS = (reading.askedMs - before.gotMs) / 1000;
      if (dbS > mostS + STEP_S) return this.#note(before, reading, mostS);
      if (dbS < leastS - STEP_S) return this.#note(before, reading, leastS);
    }
    // A reading that took long says little about when it was made.
    if (before === null || reading.gotMs - reading.askedMs <= 1000) this.#last = reading;
    return reading.known;
  }

  async #note(before: Reading, found: Reading, elapsedS: number): Promise<number> {
    const { pool, onStep } = this.#options;
    const { rows } = await pool.query<{ step: number }>(
      'select reaper.note_clock_step($1, $2, $3, $4) as step',
      [before.known, before.now, found.now, elapsedS],
    );
    const step = rows[0]?.step ?? 0;
    if (step !== 0) onStep(step);
    this.#last = await this.#read();
    return this.#last.known;
  }

  async #read(): Promise<Reading> {
    const askedMs = this.#monotonicMs();
    const { rows } = await this.#options.pool.query<{ now: Date; known: number }>(
      'select reaper.now() as now, coalesce((select max(id) from reaper.clock_step), 0) as known',
    );
    const gotMs = this.#monotonicMs();
    if (rows[0] === undefined) throw new Error('Expected one row with the time, got none');
    return { ...rows[0], askedMs, gotMs };
  }
}
