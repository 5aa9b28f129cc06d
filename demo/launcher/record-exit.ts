import type { Database } from '../../src/db/database.js';
import type { TakenRun } from './taken-run.js';

/**
 * Holds the job's row while the run's row is written. Without that lock a claim of the reaper, which looks at the run
 * and then ends the job, could miss an exit code that is written in between.
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
 * Records how the agent ended: first of all, before the monitor pushes, comments or finalizes, so that its death in
 * between leaves a row from which the outcome can be told.
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
