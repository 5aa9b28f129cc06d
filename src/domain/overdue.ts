/** Intervals without a sweep after which something is wrong. */
const MISSED_INTERVALS = 3;
/** Seconds a sweep may take beside its interval. */
const SLACK_S = 15;

/** Whether so much time went by without a sweep that no worker seems to run. Null: there never was a sweep. */
export function isOverdue(lastSweep: { ageS: number } | null, intervalS: number): boolean {
  return lastSweep === null || lastSweep.ageS > overdueAfterS(intervalS);
}

/** Seconds after which a sweep is overdue. */
export function overdueAfterS(intervalS: number): number {
  return MISSED_INTERVALS * intervalS + SLACK_S;
}
