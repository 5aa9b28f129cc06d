/** A position in the order oldest first. Microseconds since 1970; runs without a start come first. */
export interface Cursor {
  startedUs: number;
  jobId: string;
  runKey: string;
}

/** One page of a keyset. `next` is null when nothing follows. */
export interface Page<T> {
  items: T[];
  next: Cursor | null;
}
