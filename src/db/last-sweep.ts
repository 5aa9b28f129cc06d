import type { Queryable } from './database.js';

/** The last recorded sweep. */
export interface RecordedSweep {
  at: Date;
  /** Seconds ago, by the database's clock. */
  ageS: number;
  /** The sweep's own `SweepSummary`. */
  summary: Record<string, unknown>;
}

/** The last sweep on record, or null if there has been none. */
export async function readLastSweep(pool: Queryable): Promise<RecordedSweep | null> {
  const { rows } = await pool.query<RecordedSweep>(
    `select at, extract(epoch from (select reaper.now()) - at)::double precision as "ageS", summary
       from reaper.last_sweep`,
  );
  return rows[0] ?? null;
}
