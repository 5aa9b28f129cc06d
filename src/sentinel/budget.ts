/** Reports that can be sent one after the other. */
const MAX = 10;

/**
 * How often a host may report symptoms: ten times, and once more each interval. What is above that is left to the sweeps, so a queue
 * whose processes end all the time costs no more than a few examinations.
 */
export class Budget {
  #left = MAX;
  #filledMs: number;

  /** @param nowMs milliseconds of a clock that never goes back */
  constructor(nowMs: number) {
    this.#filledMs = nowMs;
  }

  has(nowMs: number, intervalMs: number): boolean {
    const more = Math.floor((nowMs - this.#filledMs) / intervalMs);
    if (more > 0) {
      this.#left = Math.min(MAX, this.#left + more);
      this.#filledMs += more * intervalMs;
    }
    return this.#left > 0;
  }

  spend(): void {
    this.#left -= 1;
  }
}
