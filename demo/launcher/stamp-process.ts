import type { Database } from '../../src/db/database.js';
import type { TakenRun } from './taken-run.js';

/**
 * Says which process works on the run: the pid, and the identity that tells it from a later process with the same pid.
 *
 * @param processIdentity null where the platform cannot tell
 * @returns false when the run is no longer ours: its agent must not go on
 */
export async function stampProcess(
  pool: Database,
  { jobId, runId }: TakenRun,
  pid: number,
  processIdentity: string | null,
): Promise<boolean> {
  const { rowCount } = await pool.query(
    `update public.jobs set pid = $3, process_identity = $4
      where id = $1 and run_id = $2 and status = 'running'`,
    [jobId, runId, pid, processIdentity],
  );
  return rowCount === 1;
}
