import type { Queryable } from './database.js';

/** How many running jobs have a stamp of this boot. */
export async function countRunsOfBoot(pool: Queryable, boot: string): Promise<number> {
  const { rows } = await pool.query<{ runs: number }>(
    'select count(*) as runs from reaper.readable_run where reaper.stamp_boot(process_identity) = $1',
    [boot],
  );
  return rows[0]?.runs ?? 0;
}
