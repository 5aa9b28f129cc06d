import type { Queryable } from './database.js';
import type { Policy, PublishedPolicy } from '../domain/types.js';
import { toPolicy } from './policy.js';

/** What the control row says: whether anything may be claimed, and by which policy. */
export interface Control {
  /** The database's clock, ISO 8601. */
  now: string;
  adapter: string | null;
  mode: 'active' | 'observe';
  paused: boolean;
  pausedBy: string | null;
  pausedReason: string | null;
  /** The job that was reaped although its process is alive, while it is the cause of the dry run; else null. */
  brakedBy: string | null;
  policy: Policy;
}

/** Reads the control row. */
export async function readControl(pool: Queryable): Promise<Control> {
  const { rows } = await pool.query<
    Omit<Control, 'policy' | 'now'> & {
      now: Date;
      recordsExitCodes: boolean;
      policy: Partial<PublishedPolicy> | null;
    }
  >(
    `select reaper.now() as now, adapter, mode, paused, paused_by as "pausedBy", paused_reason as "pausedReason", policy,
            (select v.job_id from reaper.survivor v where v.ledger_id = braked_by) as "brakedBy",
            reaper.records_exit_codes() as "recordsExitCodes"
       from reaper.control`,
  );
  const row = rows[0];
  if (row === undefined)
    throw new Error('Expected one row in reaper.control, got none: run job-reaper migrate');
  const { recordsExitCodes, policy, ...control } = row;
  return { ...control, now: row.now.toISOString(), policy: toPolicy(policy, recordsExitCodes) };
}
