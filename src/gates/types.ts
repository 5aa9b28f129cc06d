/** What a gate is told about the run whose agent exited with 0. All of it is untrusted data. */
export interface GateInput {
  job: string;
  /** The stage whose work the gate checks. */
  stage: string;
  repo: string | null;
  branch: string;
  workItem: string | null;
}

/** A gate's answer. Red is an answer, not an error. */
export interface GateResult {
  green: boolean;
  /** One sentence that a person can check. */
  reason: string;
  /** What proves the reason; kept in the ledger as JSON. */
  evidence?: Record<string, unknown>;
}

/**
 * A read-only check that a stage's work is really there. It changes nothing, and it stops at the signal: at its timeout,
 * or when nobody is waiting for its answer any more.
 *
 * @throws GateNotAsked when a server that it needs is down: then it is asked again later. An error with a network error
 *   code (such as ECONNREFUSED), directly or in one of its causes, means the same. Any other error is red, with the cause
 */
export type Gate = (input: GateInput, context: { signal: AbortSignal }) => Promise<GateResult>;

/** A gate that could not answer, with what is known so far. The cause is what stopped it. */
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
