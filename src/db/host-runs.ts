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

/** Which runs {@link readHostRuns} reads. */
export interface HostRunChoice {
  /** Those that name one of these pids, and maybe others. Null for all. @default null */
  of?: readonly Pick<ProcessStamp, 'pid'>[] | null;
  /** At most so many of them. @default all */
  limit?: number | null;
}

/** A host's runs that are worth examining, in no order: pages would have Postgres sort all rows for each page. */
export async function readHostRuns(
  pool: Queryable,
  host: string,
  { of = null, limit = null }: HostRunChoice = {},
): Promise<HostRun[]> {
  const pids = of?.map(({ pid }) => pid) ?? [null];
  const { rows } = await pool.query<HostRun>(
    `select r.job_id as "jobId", r.run_key as "runKey", r.pid, r.process_identity as "processIdentity",
            r.alerted_alive as "alertedAlive",
            case when r.exit_code is not null then ${believesExit(false)} else false end as exited
       from reaper.examinable_run r
      where r.host = $1 and ($2::bigint[] is null or r.pid = any ($2))
      limit $3::bigint`,
    // Runs without a pid are found among all only.
    [host, pids.includes(null) ? null : [...new Set(pids)], limit],
  );
  return rows;
}
