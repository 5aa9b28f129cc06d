/** What a gate gets to know of the run whose agent exited with 0. All of it is data: none of it is trusted. */
export interface GateInput {
  job: string;
  /** The stage whose work the gate looks for. */
  stage: string;
  repo: string | null;
  branch: string;
  work_item: string | null;
}

/** What a gate says. Red is an answer, not an error. */
export interface GateResult {
  green: boolean;
  /** One sentence that a person can check. */
  reason: string;
  /** Whatever proves the reason; kept in the ledger as JSON. */
  evidence?: Record<string, unknown>;
}

/**
 * A read-only check that a stage's work is really there. It changes nothing, and it stops when the signal asks for it:
 * at its timeout, or when nobody waits for its answer any more.
 *
 * @throws GateNotAsked when what it asks is away: then it is asked again later. An error with a network's code (such as
 *   ECONNREFUSED), its own or of one of its causes, counts as that too. Whatever else it throws is red, with the cause
 */
export type Gate = (input: GateInput, context: { signal: AbortSignal }) => Promise<GateResult>;

/** A gate that could not answer, with what is known so far. Its cause is what stopped it. */
export class GateFailure extends Error {
  override name = 'GateFailure';

  constructor(
    message: string,
    readonly evidence: Record<string, unknown>,
    options: { cause: unknown },
  ) {
    super(message, options);
  }
}
