/** What keeps us from a server, in words for an operator. */
export interface Trouble {
  /** `away`: it does not answer. Else it does, and something else is the matter. A change of it is news. */
  kind: string;
  /** What was expected where, what came, and what to do. */
  sentence: string;
}

/** The text of whatever was thrown. Of several errors at once, such as one per address of a host, the first. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  return error instanceof Error ? error.message || error.name : String(error);
}
