import type { Queryable } from './database.js';
import type { Status } from '../domain/status.js';

/** Reads the reaper's state. Totals come from the ledger. */
export async function readStatus(pool: Queryable): Promise<Status> {
  const { rows } = await pool.query<Status>(
    `select enabled, mode, paused, paused_by, paused_reason, adapter, interval_s, last_run_ts, reaped_total, last_reaped,
            lease_reclaimed_total, running, watching, hosts_without_probe, unwatchable,
            braked, survivors, late_writes, claim_trouble, waiting, hosts_failing, unknown_runs, held, host_warnings, failing_channels,
            unknown_boots, hosts_watched, adapter_trouble, crash_budget
       from reaper.status`,
  );
  const row = rows[0];
  if (row === undefined)
    throw new Error('Expected one row in reaper.status, got none: run job-reaper migrate');
  return row;
}
