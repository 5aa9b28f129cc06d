import type { Queryable } from '../../src/db/database.js';
import type { TakenRun } from './taken-run.js';

/**
 * Gives the job another attempt. Of the run, only the number of attempts and the error stay in the row.
 *
 * @returns false if the run is no longer ours
 */
export async function requeueJob(
  client: Queryable,
  { jobId, runId }: Pick<TakenRun, 'jobId' | 'runId'>,
  error: string,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `update public.jobs
        set status = 'queued', error = $3, host = null, pid = null, process_identity = null, run_id = null,
            started_at = null, finished_at = null
      where id = $1 and run_id = $2 and status = 'running'`,
    [jobId, runId, error],
  );
  return rowCount === 1;
}
