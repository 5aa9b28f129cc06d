import type { Queryable } from '../database.js';

/** Workers of running jobs whose process cannot be told for one reason. */
export interface UnplacedWorkers {
  /** No probe has reported the boot, two processes announced it, its token does not parse, or it has none. */
  why: 'boot' | 'void' | 'broken' | 'none';
  count: number;
  runs: number;
  /** The first of them; a job without a worker's name is named instead. */
  names: string[];
}

/** Whether the adapter learns processes from workers' names, and the workers for which it cannot. */
export async function readUnplacedWorkers(
  pool: Queryable,
): Promise<{ isByName: boolean; unplaced: UnplacedWorkers[] }> {
  const { rows: used } = await pool.query<{ isByName: boolean }>(
    'select reaper.names_workers() as "isByName"',
  );
  const { rows } = await pool.query<UnplacedWorkers>(
    `select why, count(*) as count, sum(runs)::bigint as runs,
            (array_agg(coalesce(worker, 'job ' || first_job) order by runs desc, worker))[1:3] as names
       from reaper.unplaced_worker group by why order by why`,
  );
  return { isByName: used[0]?.isByName === true, unplaced: rows };
}
