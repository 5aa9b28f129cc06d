import { withRetry, type Span } from './spans.js';

/** Why a fault keeps a run from being repaired for a while. */
export type Hindrance = 'its row is locked' | 'its claim fails' | 'its gate does not answer';

/** Maximum of seconds until a failed claim is retried. Until then, the wait equals the time for which it has failed. */
export const MAX_RETRY_S: Record<Hindrance, number> = {
  'its row is locked': 60,
  'its claim fails': 600,
  'its gate does not answer': 600,
};

/** What faults have put in the way of repairing single runs. */
export class HindranceFacts {
  readonly #spans = new Map<string, (Span & { why: Hindrance })[]>();

  /** From now on. Returns a function to report the end. */
  began(runIds: readonly string[], why: Hindrance): () => void {
    const span = { fromMs: Date.now(), untilMs: Infinity, why };
    for (const runId of runIds) this.#spans.set(runId, [...this.of(runId), span]);
    return () => void (span.untilMs = Math.min(span.untilMs, Date.now()));
  }

  of(runId: string): readonly (Span & { why: Hindrance })[] {
    return this.#spans.get(runId) ?? [];
  }

  /** The times in which a run could not be repaired, or was not yet retried. */
  withRetry(runId: string): Span[] {
    return this.of(runId).map((span) => withRetry(span, MAX_RETRY_S[span.why]));
  }
}
