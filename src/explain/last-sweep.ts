import type { Queryable } from '../db/database.js';
import { readLastSweep } from '../db/last-sweep.js';
import { toSweepSummary, type SweepSummary } from '../workflows/messages.js';

/** The last sweep, from the reaper if it answers, else from Postgres. */
export interface LastSweep {
  /** Seconds ago, by the database's clock. */
  ageS: number;
  summary: SweepSummary;
}

/** The last sweep as recorded in Postgres. Which hosts answered is recorded separately, with the time of their answer. */
export async function readRecordedSweep(pool: Queryable): Promise<LastSweep | null> {
  const recorded = await readLastSweep(pool);
  if (recorded === null) return null;
  return { ageS: recorded.ageS, summary: toSweepSummary(recorded.summary) };
}
