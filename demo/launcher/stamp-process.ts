import type { Database } from '../../src/db/database.js';
import type { TakenRun } from './taken-run.js';

/**
 * Records which process works on the run: its pid, and the identity stamp that distinguishes it from a later process with
 * the same pid.
 *
 * @param processIdentity null if the platform has none
 * @returns false if the run is no longer ours: its agent must not continue
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
