/** What has to be undone at the end, the last thing first, whatever happens. */
export class Cleanup {
  readonly #steps: (() => unknown)[] = [];

  /** @param whose as a failure names it */
  constructor(readonly whose: string) {}

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** Undoes everything. A step that fails is reported, and does not hold up the others. */
  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        console.error(`${this.whose} could not clean up after itself:`, error);
      }
    }
  }
}
