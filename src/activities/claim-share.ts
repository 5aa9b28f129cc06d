/** Runs that are remembered; more than can be watched. */
const MOST_REMEMBERED = 2_000;

/**
 * Keeps runs whose row was locked at their last claim from waiting on all connections at once: together they have a share, and the
 * rest is for others. Whoever finds no room in it is told at once what the last claim was told.
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
   * Makes a claim, or does not.
   *
   * @param isBusy what a claim says of a locked row, or null when it was not locked
   * @returns what the claim returned, or in words why it was not made
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
    if (this.#lockedBy.size >= MOST_REMEMBERED && oldest !== undefined) this.#lockedBy.delete(oldest);
    this.#lockedBy.set(run, why);
  }
}
