import type { Queryable } from './database.js';

/** What became of a sweep's record. */
export interface SweepRecord {
  /** False when this very sweep was on record already, as after an activity that ran again. */
  isNew: boolean;
  /** Why only the sweep itself is on record, and not what follows from it; null when all is. */
  error: string | null;
}

/**
 * Puts a sweep on record, completes the observations of runs that are over and forgets their trouble. Writes to no job row.
 */
export async function recordSweep(pool: Queryable, atMs: number, summary: object): Promise<SweepRecord> {
  const { rows } = await pool.query<{ isNew: boolean; error: string | null }>(
    'select is_new as "isNew", error from reaper.note_sweep(to_timestamp($1::double precision / 1000), $2)',
    [atMs, JSON.stringify(summary)],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('Expected one row from reaper.note_sweep, got none');
  return row;
}
