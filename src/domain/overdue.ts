/** After so many intervals without a sweep something is wrong. */
const MISSED_INTERVALS = 3;
/** Seconds that a sweep may take on top of its interval. */
const SLACK_S = 15;

/** Whether the last sweep is so long ago that no worker seems to run. Null: there has never been a sweep. */
export function isOverdue(lastSweep: { ageS: number } | null, intervalS: number): boolean {
  return lastSweep === null || lastSweep.ageS > overdueAfterS(intervalS);
}

/** Seconds after which a sweep is overdue. */
export function overdueAfterS(intervalS: number): number {
  return MISSED_INTERVALS * intervalS + SLACK_S;
}
