import type { Database } from './database.js';
import type { Advance } from '../domain/exit-zero.js';
import type { JobRun, Outcome, Tier } from '../domain/types.js';
import { inTransaction } from './transaction.js';

/** One claim: what is to become of a run, why, and the facts that this rests on. */
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
}

/** What became of a claim. All but `won` are results, not errors, and nothing follows from them. */
export interface ClaimResult {
  result: 'won' | 'lost' | 'changed' | 'blocked' | 'busy';
  detail: string;
  /** The ledger row of the run, where there is one. */
  ledgerId: number | null;
  /** The notification that this win owes to people, or null when it owes none. */
  notificationId: number | null;
}

const SQL = `
  select result, detail, ledger_id as "ledgerId", notification_id as "notificationId"
    from reaper.claim(
      p_job_id => $1, p_run_key => $2, p_claimer => $3, p_workflow_id => $4, p_outcome => $5, p_tier => $6,
      p_reason => $7, p_error => $8, p_evidence => $9, p_pid => $10, p_process_identity => $11, p_exit_code => $12,
      p_from_stage => $13, p_to_stage => $14, p_next_agent => $15)`;

/** Ends a run, once. */
export async function claim(pool: Database, { run, advance, ...claim }: Claim): Promise<ClaimResult> {
  const { rows } = await inTransaction(pool, (connection) =>
    connection.query<ClaimResult>(SQL, [
      run.jobId,
      run.runKey,
      claim.claimer,
      claim.workflowId,
      claim.outcome,
      claim.tier,
      claim.reason,
      claim.error,
      JSON.stringify(claim.evidence),
      run.pid,
      run.processIdentity,
      run.exitCode,
      advance?.fromStage ?? null,
      advance?.toStage ?? null,
      advance?.nextAgent ?? null,
    ]),
  );
  const row = rows[0];
  if (row === undefined) throw new Error('Expected one row from reaper.claim, got none');
  return row;
}
