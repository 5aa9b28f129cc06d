import type { Queryable } from './database.js';
import type { DeathCause } from '../domain/liveness.js';
import type { Outcome, RunRef, Tier } from '../domain/types.js';

/** One claim on record. */
export interface LedgerEntry extends RunRef {
  id: number;
  claimedAt: Date;
  runId: string | null;
  agent: string | null;
  repo: string | null;
  host: string | null;
  pid: number | null;
  outcome: Outcome;
  tier: Tier;
  /** What ended with the run, if it was found dead; null for other claims, and those of older versions. */
  cause: DeathCause | null;
  reason: string;
  error: string | null;
  fromStage: string | null;
  toStage: string | null;
  evidence: Record<string, unknown>;
  claimer: string;
  workflowId: string;
  /** Its notification, or null if it has none. */
  notificationId: number | null;
  /** Its notification is owed. */
  owed: boolean;
}

const SELECT = `
  select l.id, l.claimed_at as "claimedAt", l.job_id as "jobId", l.run_key as "runKey", l.run_id as "runId", l.agent,
         l.repo, l.host, l.pid, l.outcome, l.tier, l.cause, l.reason, l.error, l.from_stage as "fromStage",
         l.to_stage as "toStage", l.evidence, l.claimer, l.workflow_id as "workflowId",
         n.id as "notificationId", coalesce(n.owed, false) as owed
    from reaper.ledger l
    left join reaper.notification n on n.ledger_id = l.id`;

/** The claim that ended a run, or null if it was not reaped. */
export async function findLedgerEntry(pool: Queryable, ref: RunRef): Promise<LedgerEntry | null> {
  const { rows } = await pool.query<LedgerEntry>(`${SELECT} where l.job_id = $1 and l.run_key = $2`, [
    ref.jobId,
    ref.runKey,
  ]);
  return rows[0] ?? null;
}

/** The newest claims of one job, or of all, newest first. */
export async function listLedger(
  pool: Queryable,
  { jobId = null, limit = 20 }: { jobId?: string | null; limit?: number } = {},
): Promise<LedgerEntry[]> {
  const { rows } = await pool.query<LedgerEntry>(
    `${SELECT} where $1::text is null or l.job_id = $1 order by l.id desc limit $2`,
    [jobId, limit],
  );
  return rows;
}
