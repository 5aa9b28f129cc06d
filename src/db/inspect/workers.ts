import type { Queryable } from '../database.js';

/** Workers of running jobs whose process cannot be told for one reason. */
export interface UnplacedWorkers {
  /** No probe has reported the boot, two processes announced it, its token does not parse, or it has none. */
  why: 'boot' | 'void' | 'broken' | 'none';
  count: number;
  runs: number;
  /** Whether their jobs' rows name them. */
  isNamed: boolean;
  /** The first of them, or of their jobs if the rows do not name them. */
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
    `select why, count(*) as count, sum(runs)::bigint as runs, worker is not null as "isNamed",
            (array_agg(coalesce(worker, 'job ' || first_job) order by runs desc, worker))[1:3] as names
       from reaper.unplaced_worker group by why, worker is not null order by why, worker is not null`,
  );
  return { isByName: used[0]?.isByName === true, unplaced: rows };
}
