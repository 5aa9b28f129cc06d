import type { Queryable } from '../../src/db/database.js';
import type { TakenRun } from './taken-run.js';

/**
 * Ends the job permanently.
 *
 * @param error null on `done`
 * @returns false if the run is no longer ours
 */
export async function endJob(
  client: Queryable,
  { jobId, runId }: Pick<TakenRun, 'jobId' | 'runId'>,
  status: 'done' | 'failed',
  error: string | null,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `update public.jobs set status = $3, error = $4, finished_at = reaper.now()
      where id = $1 and run_id = $2 and status = 'running'`,
    [jobId, runId, status, error],
  );
  return rowCount === 1;
}
