/** Runs that are remembered at most: more than can be watched. */
const MAX_REMEMBERED = 2_000;

/**
 * Keeps runs whose row was locked at their last claim from waiting on all connections at once: they share a few, and the rest is for
 * others. If none of those few is free, a claim gets the last claim's answer at once.
 */
export class ClaimShare {
  readonly #room: number;
  readonly #lockedBy = new Map<string, string>();
  #inUse = 0;

  /** @param room claims of such runs at a time */
  constructor(room: number) {
    this.#room = room;
  }

  /**
   * Makes a claim if there is room for it.
   *
   * @param isBusy what a result says about a locked row, or null if it was not locked
   * @returns what the claim returned, or why it was not made, in words
   */
  async claim<T>(
    run: string,
    make: () => Promise<T>,
    isBusy: (result: T) => string | null,
  ): Promise<T | string> {
    const known = this.#lockedBy.get(run);
    if (known !== undefined && this.#inUse >= this.#room) return known;
    if (known !== undefined) this.#inUse += 1;
    try {
      const result = await make();
      const why = isBusy(result);
      this.#lockedBy.delete(run);
      if (why !== null) this.#remember(run, why);
      return result;
    } finally {
      if (known !== undefined) this.#inUse -= 1;
    }
  }

  #remember(run: string, why: string): void {
    const [oldest] = this.#lockedBy.keys();
    if (this.#lockedBy.size >= MAX_REMEMBERED && oldest !== undefined) this.#lockedBy.delete(oldest);
    this.#lockedBy.set(run, why);
  }
}
