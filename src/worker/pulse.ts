/** When the worker's loops last turned. */
export class Pulse {
  #lastMs = performance.now();

  beat(): void {
    this.#lastMs = performance.now();
  }

  /** Seconds since the last turn. */
  get ageS(): number {
    return (performance.now() - this.#lastMs) / 1000;
  }
}
