/** A watch's clock at its last look. */
export interface WatchClock {
  /** What the watch goes by, in milliseconds. */
  nowMs: number;
  /** What Temporal's clock said then, in milliseconds. */
  temporalMs: number;
  /** What the database's clock said then, in milliseconds and without the steps on record; null when it was not read. */
  databaseMs: number | null;
}

/**
 * A watch's clock at another look. It goes on by no more than has passed by both clocks, so that neither can cut a grace short,
 * or the distance of two dead observations, when it is put forward. One that is put back only makes them longer.
 *
 * @param last null at the first look
 */
export function advanceClock(
  last: WatchClock | null,
  temporalMs: number,
  databaseMs: number | null,
): WatchClock {
  if (last === null) return { nowMs: temporalMs, temporalMs, databaseMs };
  const passedMs =
    last.databaseMs === null || databaseMs === null
      ? temporalMs - last.temporalMs
      : Math.min(temporalMs - last.temporalMs, databaseMs - last.databaseMs);
  return { nowMs: last.nowMs + Math.max(0, passedMs), temporalMs, databaseMs };
}
