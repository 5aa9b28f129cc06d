/** What must be undone at the end, whatever happens. The last step is undone first. */
export class Cleanup {
  readonly #steps: (() => unknown)[] = [];

  /** @param whose the name that errors use */
  constructor(readonly whose: string) {}

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** Undoes everything. A step that fails is reported, and does not stop the others. */
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
