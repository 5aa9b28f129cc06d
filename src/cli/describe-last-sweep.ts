import { isOverdue } from '../domain/overdue.js';
import { describeSweep } from './describe-sweep.js';
import { formatDuration } from './duration.js';
import type { LastSweep } from './read-state.js';

/** The last sweep in a sentence or two; says what to do when it is long ago. */
export function describeLastSweep(lastSweep: LastSweep | null, intervalS: number): string {
  if (lastSweep === null) return 'none yet: no worker has run here; start job-reaper worker';
  const told = `${formatDuration(lastSweep.ageS)} ago, ${describeSweep(lastSweep.summary)}`;
  return isOverdue(lastSweep, intervalS)
    ? `${told}. It is overdue (every ${intervalS} s): see that a worker and Temporal run`
    : told;
}
