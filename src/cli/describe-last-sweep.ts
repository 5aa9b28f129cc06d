import { describeSweep } from './describe-sweep.js';
import { formatDuration } from './duration.js';
import type { LastSweep } from './read-state.js';

/** Intervals without a sweep after which something is wrong. */
const MISSED_INTERVALS = 3;
/** Seconds a sweep may take beside its interval. */
const SLACK_S = 15;

/** Whether so much time went by without a sweep that no worker seems to run. */
export function isOverdue(lastSweep: Pick<LastSweep, 'ageS'> | null, intervalS: number): boolean {
  return lastSweep === null || lastSweep.ageS > MISSED_INTERVALS * intervalS + SLACK_S;
}

/** The last sweep in a sentence or two; says what to do when it is long ago. */
export function describeLastSweep(lastSweep: LastSweep | null, intervalS: number): string {
  if (lastSweep === null) return 'none yet: no worker has run here; start job-reaper worker';
  const told = `${formatDuration(lastSweep.ageS)} ago, ${describeSweep(lastSweep.summary)}`;
  return isOverdue(lastSweep, intervalS)
    ? `${told}. It is overdue (every ${intervalS} s): see that a worker and Temporal run`
    : told;
}
