/** Why a server cannot be used, in words for an operator. */
export interface Trouble {
  /** `away`: it does not answer. Any other kind: it answers, but something is wrong. A change of the kind is worth reporting. */
  kind: string;
  /** What was expected where, what came, and what to do. */
  sentence: string;
}

/** The message of anything thrown. If there are several errors, such as one per address of a host, that of the first. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  return error instanceof Error ? error.message || error.name : String(error);
}
