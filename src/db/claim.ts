import { setTimeout } from 'node:timers/promises';
import type { Database, Queryable } from './database.js';
import type { Advance } from '../domain/exit-zero.js';
import type { JobRun, Outcome, Tier } from '../domain/types.js';
import { withStorableText } from './storable-text.js';
import { inTransaction } from './transaction.js';

/** One claim: how to end a run, why, and the facts behind it. */
export interface Claim {
  /** The run as it was observed; the claim is refused if its pid, identity or exit code has changed since. */
  run: Pick<JobRun, 'jobId' | 'runKey' | 'pid' | 'processIdentity' | 'exitCode'>;
  /** `firstExecutionRunId` of the watch: an activity that re-runs after its commit recognises its own win. */
  claimer: string;
  workflowId: string;
  outcome: Outcome;
  tier: Tier;
  reason: string;
  /** For the job's error column; null on `done`. */
  error: string | null;
  evidence: Record<string, unknown>;
  advance: Advance | null;
  /**
   * When the facts were read: milliseconds by the database's clock. Callers that pass it know the result `busy`; without it the claim
   * waits for locks for seconds, as in the previous version.
   */
  lookedAtMs?: number | null;
  /** The declaration that the run's host, boot or pod is gone, in words, if the verdict rests on it. */
  hostGoneBy?: string | null;
}

/** What became of a claim. Every result except `won` changes nothing; none of them is an error. */
export interface ClaimResult {
  /** `busy`: another session held a lock that the claim needs for longer than a moment. */
  result: 'won' | 'lost' | 'changed' | 'blocked' | 'busy';
  detail: string;
  /** The run's ledger row, if there is one. */
  ledgerId: number | null;
  /** The notification that this win owes, or null if it owes none. */
  notificationId: number | null;
}

const SQL = `
  select result, detail, ledger_id as "ledgerId", notification_id as "notificationId"
    from reaper.claim(
      p_job_id => $1, p_run_key => $2, p_claimer => $3, p_workflow_id => $4, p_outcome => $5, p_tier => $6,
      p_reason => $7, p_error => $8, p_evidence => $9, p_pid => $10, p_process_identity => $11, p_exit_code => $12,
      p_from_stage => $13, p_to_stage => $14, p_next_agent => $15, p_looked_at => to_timestamp($16::float8 / 1000),
      p_host_gone_by => $17)`;

/** Milliseconds after which a claim is taken to wait for a lock. Less than it waits at most. */
const WAITING_AFTER_MS = 100;
/** Milliseconds in which Postgres has to say who holds the lock. */
const HOLDER_LIMIT_MS = 2_000;

/**
 * Ends a run, once.
 *
 * @param others where to ask who holds the lock that the claim waits for, because its own connection is waiting
 */
export async function claim(pool: Database, claim: Claim, others: Queryable = pool): Promise<ClaimResult> {
  const { run, advance, lookedAtMs = null } = claim;
  let holder: Promise<string | null> | undefined;
  const { rows } = await withStorableText((fit) =>
    inTransaction(
      pool,
      async (connection) => {
        const backend = connection.query<{ pid: number }>('select pg_backend_pid() as pid');
        const claiming = connection.query<ClaimResult>(SQL, [
          run.jobId,
          run.runKey,
          claim.claimer,
          claim.workflowId,
          claim.outcome,
          claim.tier,
          fit(claim.reason),
          fit(claim.error),
          JSON.stringify(fit(claim.evidence)),
          run.pid,
          run.processIdentity,
          run.exitCode,
          advance?.fromStage ?? null,
          advance?.toStage ?? null,
          advance?.nextAgent ?? null,
          lookedAtMs,
          claim.hostGoneBy ?? null,
        ]);
        // Sent together; none may fail unhandled while another is awaited.
        const all = Promise.all([backend, claiming, connection.query('commit')]);
        const over = new AbortController();
        if (lookedAtMs !== null) holder = askForHolder(others, backend, over.signal);
        try {
          return (await all)[1];
        } finally {
          over.abort();
        }
      },
      { end: 'sent' },
    ),
  );
  const row = rows[0];
  if (row === undefined) throw new Error('Expected one row from reaper.claim, got none');
  if (row.result !== 'busy') return row;
  const by = await holder;
  return by ? { ...row, detail: `${row.detail} by ${by}` } : row;
}

/** Who holds the lock that the session waits for, in words; null if it does not wait, or the answer comes too late. */
async function askForHolder(
  others: Queryable,
  backend: Promise<{ rows: { pid: number }[] }>,
  over: AbortSignal,
): Promise<string | null> {
  try {
    const pid = (await backend).rows[0]?.pid;
    await setTimeout(WAITING_AFTER_MS, undefined, { signal: over, ref: false });
    const asked = others
      .query<{ holder: string | null }>('select reaper.lock_holder($1) as holder', [pid])
      .then(({ rows }) => rows[0]?.holder ?? null);
    return await Promise.race([asked, setTimeout(HOLDER_LIMIT_MS, null, { ref: false })]);
  } catch {
    // The claim is over or failed, so the answer is not needed. Or the question failed, and the holder stays unnamed.
    return null;
  }
}
