/** Milliseconds that the database's clock may be off by: less is jitter, and a slewed clock is no step. */
const STEP_MS = 1_000;

/** What the database's clock said at some moment between two of this process's own. All in milliseconds. */
export interface ClockReading {
  databaseMs: number;
  /** This process's monotonic clock, before the reading was asked for and after it came. */
  askedMs: number;
  gotMs: number;
}

/**
 * Notices that the database's clock stepped between two readings of one process, whose own clock is monotonic: two readings tell how
 * long it really was between them. Also a machine that was suspended looks like a step: its monotonic clock stood still.
 */
export class DatabaseClock {
  #last: ClockReading | null = null;

  /** Takes a reading that was made anyway. True when the clock has stepped since the one before. */
  hasStepped(reading: ClockReading): boolean {
    const last = this.#last;
    // One that took long says little about when it was made, and readings come back in any order.
    const isSharp = reading.gotMs - reading.askedMs <= STEP_MS;
    const stepped = last !== null && isStep(last, reading);
    if (isSharp || stepped) this.#last = reading;
    return stepped;
  }
}

function isStep(last: ClockReading, reading: ClockReading): boolean {
  const databaseMs = reading.databaseMs - last.databaseMs;
  return (
    databaseMs > reading.gotMs - last.askedMs + STEP_MS || databaseMs < reading.askedMs - last.gotMs - STEP_MS
  );
}
