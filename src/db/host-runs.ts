import type { Queryable } from './database.js';
import type { ProcessStamp } from '../domain/liveness.js';
import type { RunRef } from '../domain/types.js';
import { believesExit } from './fragments.js';

/** A run with the process to look for. */
export type HostRun = RunRef &
  ProcessStamp & {
    /** Whether people were alerted that it is over its ceiling and alive, and not that it is unknown since. */
    alertedAlive: boolean;
    /** Whether its exit code is recorded: then the policy no longer asks for its process. */
    exited: boolean;
  };

/**
 * A host's runs that are worth examining, all of them, in no order: pages would have Postgres sort all rows for each page.
 *
 * @param limit at most so many of them
 */
export async function readHostRuns(
  pool: Queryable,
  host: string,
  limit: number | null = null,
): Promise<HostRun[]> {
  const { rows } = await pool.query<HostRun>(
    `select r.job_id as "jobId", r.run_key as "runKey", r.pid, r.process_identity as "processIdentity",
            r.alerted_alive as "alertedAlive",
            case when r.exit_code is not null then ${believesExit(false)} else false end as exited
       from reaper.examinable_run r
      where r.host = $1
      limit $2::bigint`,
    [host, limit],
  );
  return rows;
}
