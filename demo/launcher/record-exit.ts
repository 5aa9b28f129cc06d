import type { Database } from '../../src/db/database.js';
import type { TakenRun } from './taken-run.js';

/**
 * Locks the job's row while the run's row is written. Without that lock, a claim of the reaper, which reads the run and
 * then ends the job, could miss an exit code that is written in between.
 */
const SQL = `
  with job as (
    select run_id from public.jobs where id = $1 and run_id = $2 and status = 'running' for no key update
  )
  update public.agent_runs run
     set exit_code = $3, finished_at = reaper.now()
    from job
   where run.id = job.run_id and run.exit_code is null`;

/**
 * Records how the agent ended. The monitor does this first, before it pushes, comments or finalizes: if it dies after that,
 * the row still tells the outcome.
 *
 * Safe to call again: the first code and its time stay.
 */
export async function recordExit(
  pool: Database,
  { jobId, runId }: TakenRun,
  exitCode: number,
): Promise<void> {
  await pool.query(SQL, [jobId, runId, exitCode]);
}
