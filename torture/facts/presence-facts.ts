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

  /** The times in which any of these was away. */
  away(parts: readonly Part[]): Span[] {
    return parts.flatMap((part) => [...(this.#away.get(part) ?? []), ...(this.#taken.get(part) ?? [])]);
  }
}
