import type { Claim, ClaimResult } from './claim.js';
import type { Queryable } from './database.js';
import { withStorableText, type Fit } from './storable-text.js';

/** Maximum of claims in one transaction, see `reaper.claim_many`. */
export const MAX_BATCH = 30;

/** What one watch claims in one transaction. */
export interface Batch extends Pick<Claim, 'claimer' | 'workflowId'> {
  /** When the facts were read: milliseconds by the database's clock. */
  lookedAtMs: number;
  /** Milliseconds after which it leaves the rest, because a pause would wait for it. @default 20 */
  limitMs?: number;
  claims: readonly Omit<Claim, 'claimer' | 'workflowId' | 'lookedAtMs'>[];
}

/** What became of one claim of a batch. Every result except `won` changes nothing. */
export interface BatchResult extends Omit<ClaimResult, 'result'> {
  jobId: string;
  runKey: string;
  /** `error`: it failed, and `detail` says how. `left`: not tried, or not to the end; to be tried again. */
  result: ClaimResult['result'] | 'error' | 'left';
  /** It was won before, and the answer was lost. */
  isAgain: boolean;
}

/**
 * Ends many runs in one transaction, each on its own: what keeps one from being claimed is no matter of the others.
 *
 * @throws what fails the transaction as a whole, such as a statement timeout; then nothing was claimed
 */
export async function claimMany(
  pool: Queryable,
  { claims, claimer, workflowId, lookedAtMs, limitMs = 20 }: Batch,
): Promise<BatchResult[]> {
  const wanted = (fit: Fit) =>
    claims.map(({ run, advance, evidence, hostGoneBy = null, ...claim }) => ({
      job_id: run.jobId,
      run_key: run.runKey,
      outcome: claim.outcome,
      tier: claim.tier,
      reason: fit(claim.reason),
      error: fit(claim.error),
      evidence: fit(evidence),
      pid: run.pid,
      process_identity: run.processIdentity,
      exit_code: run.exitCode,
      from_stage: advance?.fromStage ?? null,
      to_stage: advance?.toStage ?? null,
      next_agent: advance?.nextAgent ?? null,
      host_gone_by: hostGoneBy,
    }));
  // A statement of its own: its commit goes along with it, so no pause waits until this process comes to that.
  const { rows } = await withStorableText((fit) =>
    pool.query<BatchResult>(
      `select job_id as "jobId", run_key as "runKey", result, detail, ledger_id as "ledgerId",
              notification_id as "notificationId", is_again as "isAgain"
         from reaper.claim_many($1, $2, $3, to_timestamp($4::float8 / 1000), $5)`,
      [JSON.stringify(wanted(fit)), claimer, workflowId, lookedAtMs, limitMs],
    ),
  );
  return rows;
}
