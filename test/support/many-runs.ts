import type { Database } from '../../src/db/database.js';
import type { RunRef } from '../../src/domain/types.js';
import type { ProcessStamp } from '../../src/domain/liveness.js';

/** Many running jobs of the reference schema. */
export interface ManyRuns {
  /** Their ids are `<prefix>-<number>`, numbered from 1. */
  prefix?: string;
  count: number;
  host?: string | null;
  /** The runs are dealt out to these. @default none */
  processes?: readonly ProcessStamp[];
  /** Seconds ago. @default 100 */
  startedS?: number;
  /** A recorded exit code, and for how many seconds. */
  exit?: { code: number; agoS: number };
}

/** Inserts them; returns their names. */
export async function insertManyRuns(admin: Database, given: ManyRuns): Promise<RunRef[]> {
  const { prefix = 'job', count, processes = [], startedS = 100, exit } = given;
  await admin.query(
    `insert into agent_runs (id, exit_code, finished_at)
     select $1 || '-' || n, $3::int, reaper.now() - make_interval(secs => $4::float8) from generate_series(1, $2::int) n`,
    [prefix, count, exit?.code ?? null, exit?.agoS ?? null],
  );
  await admin.query(
    `insert into jobs (id, agent, repo, status, attempts, max_attempts, host, pid, process_identity, run_id, started_at)
     select $1 || '-' || n, 'developer', 'web', 'running', 1, 2, $3, a.pid, a.identity, $1 || '-' || n,
            reaper.now() - make_interval(secs => $6)
       from generate_series(1, $2::int) n
       left join unnest($4::int[], $5::text[]) with ordinality as a (pid, identity, place)
         on a.place = 1 + n % greatest(cardinality($4::int[]), 1)`,
    [
      prefix,
      count,
      given.host === undefined ? 'host-1' : given.host,
      processes.map(({ pid }) => pid),
      processes.map(({ processIdentity }) => processIdentity),
      startedS,
    ],
  );
  const { rows } = await admin.query<RunRef & Record<string, unknown>>(
    `select job_id as "jobId", run_key as "runKey" from reaper.running_job where job_id like $1 || '-%' order by job_id collate "C"`,
    [prefix],
  );
  return rows;
}

/** How many claims are on record for jobs with a prefix, and for how many runs. */
export async function countClaimed(
  admin: Database,
  prefix = 'job',
): Promise<{ claims: number; runs: number }> {
  const { rows } = await admin.query<{ claims: number; runs: number }>(
    `select count(*) as claims, count(distinct (job_id, run_key)) as runs from reaper.ledger where job_id like $1 || '-%'`,
    [prefix],
  );
  return rows[0] ?? { claims: 0, runs: 0 };
}
