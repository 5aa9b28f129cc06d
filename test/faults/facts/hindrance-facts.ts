import { withRetry, type Span } from './spans.js';

/** Why a run itself cannot be repaired for a time, by a fault's doing. */
export type Hindrance = 'its row is locked' | 'its claim fails' | 'its gate does not answer';

/** Seconds until a claim that could not be made is tried again, at most; before that, after as long again as it has failed. */
export const LONGEST_RETRY_S: Record<Hindrance, number> = {
  'its row is locked': 60,
  'its claim fails': 600,
  'its gate does not answer': 600,
};

/** What a fault has put in the way of the repair of single runs. */
export class HindranceFacts {
  readonly #spans = new Map<string, (Span & { why: Hindrance })[]>();

  /** From now on. Returns how to tell that it is over. */
  began(runIds: readonly string[], why: Hindrance): () => void {
    const span = { fromMs: Date.now(), untilMs: Infinity, why };
    for (const runId of runIds) this.#spans.set(runId, [...this.of(runId), span]);
    return () => void (span.untilMs = Math.min(span.untilMs, Date.now()));
  }

  of(runId: string): readonly (Span & { why: Hindrance })[] {
    return this.#spans.get(runId) ?? [];
  }

  /** The times in which a run could not be repaired, or was not tried again yet. */
  withRetry(runId: string): Span[] {
    return this.of(runId).map((span) => withRetry(span, LONGEST_RETRY_S[span.why]));
  }
}
