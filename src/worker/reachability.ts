import type { Logger } from '../log.js';

/** One log line when something goes away and one when it is back, however often it is tried meanwhile. */
export class Reachability {
  #isAway = false;

  constructor(
    readonly name: string,
    readonly log: Logger,
  ) {}

  get isAway(): boolean {
    return this.#isAway;
  }

  away(error: unknown): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.log.warn(`${this.name} is away, trying on: ${describe(error)}`);
  }

  back(): void {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.log.info(`${this.name} is back`);
  }
}

function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
