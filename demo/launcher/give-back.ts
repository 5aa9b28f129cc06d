import type { Database } from '../../src/db/database.js';
import { endJob } from './end-job.js';
import type { StampedRun } from './find-runs-on-host.js';
import { requeueJob } from './requeue-job.js';
import { inTransaction } from './transaction.js';

/** The run as it was found, if nothing about it has changed since. */
const STILL_THE_SAME = `
  select coalesce(j.attempts, 0) < coalesce(nullif(j.max_attempts, 0), 2) as "mayTryAgain"
    from jobs j
    join agent_runs r on r.id = j.run_id
   where j.id = $1 and j.run_id = $2 and j.status = 'running' and j.pid = $3 and j.process_identity = $4
     and r.exit_code is null`;

/**
 * Ends a run whose processes are all gone: its job gets another attempt, if it has one left.
 *
 * @param error why, for the job's error column
 * @returns what became of the job, or null when somebody else was faster: then nothing was written
 */
export async function giveBack(
  pool: Database,
  run: StampedRun,
  error: string,
): Promise<'queued' | 'failed' | null> {
  const { jobId, runId, pid, processIdentity } = run;
  return inTransaction(pool, async (client) => {
    // The lock first and the look second: a joined look would show the exit code as it was before the wait.
    await client.query('select from jobs where id = $1 for no key update', [jobId]);
    const { rows } = await client.query<{ mayTryAgain: boolean }>(STILL_THE_SAME, [
      jobId,
      runId,
      pid,
      processIdentity,
    ]);
    const found = rows[0];
    if (found === undefined) return null;
    if (found.mayTryAgain) return (await requeueJob(client, run, error)) ? 'queued' : null;
    return (await endJob(client, run, 'failed', error)) ? 'failed' : null;
  });
}
