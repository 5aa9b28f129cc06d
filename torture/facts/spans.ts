/** A time, in Unix milliseconds. */
export interface Span {
  fromMs: number;
  untilMs: number;
}

/** Milliseconds of a time that none of the others covers. */
export function uncoveredMs({ fromMs, untilMs }: Span, others: Iterable<Span>): number {
  const inside = [...others]
    .map((other) => ({ fromMs: Math.max(fromMs, other.fromMs), untilMs: Math.min(untilMs, other.untilMs) }))
    .filter((other) => other.fromMs < other.untilMs)
    .sort((a, b) => a.fromMs - b.fromMs);
  let coveredMs = 0;
  let reachedMs = fromMs;
  for (const other of inside) {
    coveredMs += Math.max(0, other.untilMs - Math.max(reachedMs, other.fromMs));
    reachedMs = Math.max(reachedMs, other.untilMs);
  }
  return untilMs - fromMs - coveredMs;
}

/** A time in which something failed again and again, and the one after it until it is surely tried once more: as long again. */
export function withRetry({ fromMs, untilMs }: Span, longestS: number): Span {
  return { fromMs, untilMs: untilMs + Math.min(untilMs - fromMs, longestS * 1000) };
}

/** A time in which nothing could be learned, and the one after it until it is learned again from the beginning. */
export function startingOver({ fromMs, untilMs }: Span, afterS: number): Span {
  return { fromMs, untilMs: untilMs + afterS * 1000 };
}
