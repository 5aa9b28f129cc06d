/** What must be undone at the end, whatever happens. The last step is undone first. */
export class Cleanup {
  readonly #steps: (() => Promise<unknown>)[] = [];
  #undone: Promise<void> | null = null;

  /** Adds a step that undoes what was just done. */
  add(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }

  /**
   * Undoes everything, once. A second call waits for the first.
   *
   * @throws AggregateError with every step that failed, after all of them were tried
   */
  run(): Promise<void> {
    this.#undone ??= this.#undo();
    return this.#undone;
  }

  async #undo(): Promise<void> {
    const errors: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      await step().catch((error: unknown) => errors.push(error));
    }
    if (errors.length > 0) throw new AggregateError(errors, `Cleaning up failed: ${errors.join('; ')}`);
  }
}
