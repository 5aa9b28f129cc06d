/** A watch's clock at its last look. */
export interface WatchClock {
  /** The time that the watch uses, in milliseconds. */
  nowMs: number;
  /** Temporal's clock then, in milliseconds. */
  temporalMs: number;
  /** The database's clock then, in milliseconds and without the recorded steps; null if it was not read. */
  databaseMs: number | null;
}

/**
 * A watch's clock at the next look. It advances by no more than both clocks did, so a clock that is set forward cannot cut a grace
 * or the time between two dead observations short. One that is set back only makes them longer.
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
