import type { Queryable } from './database.js';

/** How many running jobs have a stamp of this boot. */
export async function countRunsOfBoot(pool: Queryable, boot: string): Promise<number> {
  const { rows } = await pool.query<{ runs: number }>(
    'select count(*) as runs from reaper.readable_run where reaper.stamp_boot(process_identity) = $1',
    [boot],
  );
  return rows[0]?.runs ?? 0;
}

/** How many running jobs name this host. */
export async function countRunsOnHost(pool: Queryable, host: string): Promise<number> {
  const { rows } = await pool.query<{ runs: number }>(
    'select count(*) as runs from reaper.readable_run where host = $1',
    [host],
  );
  return rows[0]?.runs ?? 0;
}
