import type { Queryable } from './database.js';

/** The sweep that was recorded last. */
export interface RecordedSweep {
  at: Date;
  /** Seconds ago, by the database's clock. */
  ageS: number;
  /** As the sweep itself summed it up, in the words of `SweepSummary`. */
  summary: Record<string, unknown>;
}

/** The last sweep on record, or null when there was none. */
export async function readLastSweep(pool: Queryable): Promise<RecordedSweep | null> {
  const { rows } = await pool.query<RecordedSweep>(
    `select at, extract(epoch from (select reaper.now()) - at)::double precision as "ageS", summary
       from reaper.last_sweep`,
  );
  return rows[0] ?? null;
}
