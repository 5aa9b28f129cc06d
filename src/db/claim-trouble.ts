import type { ClaimTrouble, TroubleKind } from '../domain/claim-trouble.js';
import type { JobRun, RunRef } from '../domain/types.js';
import type { Queryable } from './database.js';

/** What to record about a claim that failed. */
export interface Trouble {
  kind: TroubleKind;
  why: string;
  /** The facts that the verdict rested on, or null if the look itself failed. */
  facts: Pick<JobRun, 'pid' | 'processIdentity' | 'exitCode'> | null;
}

/** How often in a row a run could not be claimed, and when it is retried. */
export interface Retry {
  failures: number;
  retryAt: Date;
}

/** Records that a run could not be claimed. Null if it is no longer running: then nothing is recorded. */
export async function noteClaimTrouble(
  pool: Queryable,
  { jobId, runKey }: RunRef,
  { kind, why, facts }: Trouble,
): Promise<Retry | null> {
  const { rows } = await pool.query<{ failures: number | null; retryAt: Date }>(
    `select failures, retry_at as "retryAt"
       from reaper.note_claim_trouble(p_job_id => $1, p_run_key => $2, p_kind => $3, p_why => $4, p_facts_known => $5,
                                      p_pid => $6, p_process_identity => $7, p_exit_code => $8)`,
    [
      jobId,
      runKey,
      kind,
      // Postgres cannot store NUL.
      why.replaceAll('\0', ''),
      facts !== null,
      facts?.pid ?? null,
      facts?.processIdentity ?? null,
      facts?.exitCode ?? null,
    ],
  );
  const row = rows[0];
  return row === undefined || row.failures === null ? null : { failures: row.failures, retryAt: row.retryAt };
}

const COLUMNS = 'kind, why, failures, since, retry_at as "retryAt"';

/** Why a run cannot be claimed, or null. */
export async function findClaimTrouble(
  pool: Queryable,
  { jobId, runKey }: RunRef,
): Promise<ClaimTrouble | null> {
  const { rows } = await pool.query<ClaimTrouble & Record<string, unknown>>(
    `select ${COLUMNS} from reaper.troubled_run where job_id = $1 and run_key = $2`,
    [jobId, runKey],
  );
  return rows[0] ?? null;
}

/** The runs that cannot be claimed, the oldest trouble first, at most `limit`. */
export async function listClaimTrouble(pool: Queryable, limit: number): Promise<(RunRef & ClaimTrouble)[]> {
  const { rows } = await pool.query<RunRef & ClaimTrouble & Record<string, unknown>>(
    `select job_id as "jobId", run_key as "runKey", ${COLUMNS}
       from reaper.troubled_run order by since, job_id, run_key limit $1`,
    [limit],
  );
  return rows;
}

/** The runs that could not be claimed before and are due for a retry, the longest due first, at most `limit`. */
export async function readDueRetries(pool: Queryable, limit: number): Promise<RunRef[]> {
  const { rows } = await pool.query<RunRef & Record<string, unknown>>(
    `select job_id as "jobId", run_key as "runKey"
       from reaper.claim_trouble
      where retry_at <= (select reaper.now())
      order by retry_at, job_id, run_key limit $1`,
    [limit],
  );
  return rows;
}
