import type { WorkerTrouble } from '../../domain/worker-trouble.js';
import type { Queryable } from '../database.js';

/** Workers of running jobs whose process cannot be told for one reason. */
export interface UnplacedWorkers {
  why: WorkerTrouble;
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

/** Why the process of the worker of this name cannot be told; null if it can, or rows name processes themselves. */
export async function findWorkerTrouble(
  pool: Queryable,
  worker: string | null,
): Promise<WorkerTrouble | null> {
  const { rows } = await pool.query<{ why: WorkerTrouble | null }>(
    'select case when reaper.names_workers() then reaper.worker_trouble(left($1, 200)) end as why',
    [worker],
  );
  return rows[0]?.why ?? null;
}
