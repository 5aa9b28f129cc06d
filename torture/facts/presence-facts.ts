import type { Span } from './spans.js';

/** What a repair needs. */
export type Part =
  | 'Postgres'
  | 'Temporal'
  | 'workers'
  | `probe of ${string}`
  | "the gates' database"
  /** Views and functions that read the table which the queue uses. */
  | 'the adapter';

/**
 * Seconds for which nobody else gets what a worker had in hand when it ended: 15 s until Temporal gives its activity to another one, and
 * 10 s until it takes back what waits for the dead worker's cached workflow.
 */
export const LOST_S = 25;

/**
 * When something that repairs need was away, according to constant checks. In doubt it was away: from the last moment at which it
 * was seen up to the next.
 */
export class PresenceFacts {
  readonly #away = new Map<Part, Span[]>();
  readonly #taken = new Map<Part, Span[]>();
  readonly #seenMs = new Map<Part, number>();

  /** @param askedMs when the check that shows it was started */
  saw(part: Part, isThere: boolean, askedMs: number): void {
    const spans = this.#away.get(part) ?? [];
    this.#away.set(part, spans);
    const open = spans.at(-1)?.untilMs === Infinity ? spans.at(-1) : undefined;
    if (isThere) {
      if (open) open.untilMs = Date.now();
      this.#seenMs.set(part, askedMs);
    } else if (!open) spans.push({ fromMs: this.#seenMs.get(part) ?? 0, untilMs: Infinity });
  }

  /** A fault takes it away in a way that the checks do not see. Returns a function to report that it is back. */
  took(part: Part): () => void {
    const span = { fromMs: Date.now(), untilMs: Infinity };
    this.#taken.set(part, [...(this.#taken.get(part) ?? []), span]);
    return () => void (span.untilMs = Math.min(span.untilMs, Date.now()));
  }

  /** One that has this part ended with work in hand. */
  lost(part: Part): void {
    const fromMs = Date.now();
    this.#taken.set(part, [...(this.#taken.get(part) ?? []), { fromMs, untilMs: fromMs + LOST_S * 1000 }]);
  }

  /** The times in which any of these was away. */
  away(parts: readonly Part[]): Span[] {
    return parts.flatMap((part) => [...(this.#away.get(part) ?? []), ...(this.#taken.get(part) ?? [])]);
  }
}
