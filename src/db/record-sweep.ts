import type { Queryable } from './database.js';
import { withStorableText } from './storable-text.js';

/** What became of a sweep's record. */
export interface SweepRecord {
  /** False if this very sweep was already recorded, such as by an earlier attempt of the activity. */
  isNew: boolean;
  /** Why only the sweep itself was recorded, and not what follows from it; null if everything was. */
  error: string | null;
}

/**
 * Records a sweep, completes the dry run's observations of runs that are over and forgets their trouble. Writes to no job row.
 */
export async function recordSweep(pool: Queryable, atMs: number, summary: object): Promise<SweepRecord> {
  const { rows } = await withStorableText((fit) =>
    pool.query<{ isNew: boolean; error: string | null }>(
      'select is_new as "isNew", error from reaper.note_sweep(to_timestamp($1::double precision / 1000), $2)',
      [atMs, JSON.stringify(fit(summary))],
    ),
  );
  const row = rows[0];
  if (row === undefined) throw new Error('Expected one row from reaper.note_sweep, got none');
  return row;
}
