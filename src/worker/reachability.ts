import type { Trouble } from '../domain/trouble.js';
import type { Logger } from '../log.js';

/** Logs one line when a server goes away, when the cause changes, and when it is back, however often it is tried meanwhile. */
export class Reachability {
  #kind: string | null = null;

  /** @param explain what an error means, and what to do */
  constructor(
    readonly name: string,
    readonly log: Logger,
    readonly explain: (error: unknown) => Trouble,
  ) {}

  get isAway(): boolean {
    return this.#kind !== null;
  }

  away(error: unknown): void {
    const { kind, sentence } = this.explain(error);
    if (this.#kind === kind) return;
    this.#kind = kind;
    this.log.warn(`${this.name} ${kind === 'away' ? 'is away' : 'cannot be used'}, retrying: ${sentence}`);
  }

  back(): void {
    if (this.#kind === null) return;
    this.#kind = null;
    this.log.info(`${this.name} is back`);
  }
}
