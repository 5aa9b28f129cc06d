import type { Pool } from 'pg';
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
  reason: string;
  error: string | null;
  fromStage: string | null;
  toStage: string | null;
  evidence: Record<string, unknown>;
  claimer: string;
  workflowId: string;
  owed: boolean;
}

const COLUMNS = `
  id, claimed_at as "claimedAt", job_id as "jobId", run_key as "runKey", run_id as "runId", agent, repo, host, pid,
  outcome, tier, reason, error, from_stage as "fromStage", to_stage as "toStage", evidence, claimer,
  workflow_id as "workflowId", owed`;

/** The claim that ended a run, or null when it was not reaped. */
export async function findLedgerEntry(pool: Pool, ref: RunRef): Promise<LedgerEntry | null> {
  const { rows } = await pool.query<LedgerEntry>(
    `select ${COLUMNS} from reaper.ledger where job_id = $1 and run_key = $2`,
    [ref.jobId, ref.runKey],
  );
  return rows[0] ?? null;
}

/** The newest claims first, of one job or of all. */
export async function listLedger(
  pool: Pool,
  { jobId = null, limit = 20 }: { jobId?: string | null; limit?: number } = {},
): Promise<LedgerEntry[]> {
  const { rows } = await pool.query<LedgerEntry>(
    `select ${COLUMNS} from reaper.ledger where $1::text is null or job_id = $1 order by id desc limit $2`,
    [jobId, limit],
  );
  return rows;
}

/** Claims whose notification is owed for longer than `olderThanS` seconds: their watch is gone. */
export async function readOwed(pool: Pool, olderThanS: number, limit: number): Promise<number[]> {
  const { rows } = await pool.query<{ id: number }>(
    `select id from reaper.ledger
      where owed and claimed_at < (select reaper.now()) - make_interval(secs => $1)
      order by id limit $2`,
    [olderThanS, limit],
  );
  return rows.map((row) => row.id);
}

/** Marks a claim's notification as sent or given up. */
export async function settle(pool: Pool, ledgerId: number): Promise<void> {
  await pool.query('select reaper.settle($1)', [ledgerId]);
}
