import type { Database } from '../../src/db/database.js';
import type { ProcessStamp } from '../../src/domain/liveness.js';

/** A run that is on record as running, with the process that its monitor stamped. */
export interface StampedRun extends ProcessStamp {
  jobId: string;
  runId: string;
}

/** The runs of one host whose process is known and whose exit code is not. */
export async function findRunsOnHost(pool: Database, host: string): Promise<StampedRun[]> {
  const { rows } = await pool.query<StampedRun>(
    `select j.id as "jobId", j.run_id as "runId", j.pid, j.process_identity as "processIdentity"
       from jobs j
       join agent_runs r on r.id = j.run_id
      where j.status = 'running' and j.host = $1
        and j.pid is not null and j.process_identity is not null and r.exit_code is null
      order by j.id`,
    [host],
  );
  return rows;
}
