import type { Queryable } from './database.js';

/** Puts a sweep on record and completes the observations of runs that are over. Writes to no job row. */
export async function recordSweep(pool: Queryable, atMs: number, summary: object): Promise<void> {
  await pool.query('select reaper.record_sweep(to_timestamp($1::double precision / 1000), $2)', [
    atMs,
    JSON.stringify(summary),
  ]);
}
