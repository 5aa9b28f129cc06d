import type { Queryable } from './database.js';

/** How many running jobs name this host. */
export async function countRunsOnHost(pool: Queryable, host: string): Promise<number> {
  const { rows } = await pool.query<{ runs: number }>(
    'select count(*) as runs from reaper.readable_run where host = $1',
    [host],
  );
  return rows[0]?.runs ?? 0;
}
