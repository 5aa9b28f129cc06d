/** Milliseconds that the database's clock may be off by. Less is jitter, and a slewed clock does not count as a step. */
const STEP_MS = 1_000;

/** A reading of the database's clock, taken between two moments of this process's own clock. All in milliseconds. */
export interface ClockReading {
  databaseMs: number;
  /** This process's monotonic clock before the reading was requested and after it arrived. */
  askedMs: number;
  gotMs: number;
}

/**
 * Detects that the database's clock stepped between two readings. This process's own clock is monotonic, so it knows how much time
 * really passed between them. Suspending the machine looks like a step too, because the monotonic clock stands still.
 */
export class DatabaseClock {
  #last: ClockReading | null = null;

  /** Takes a reading that was made anyway. True if the clock has stepped since the previous one. */
  hasStepped(reading: ClockReading): boolean {
    const last = this.#last;
    // It is unclear when a slow reading was made, and readings come back in any order.
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
