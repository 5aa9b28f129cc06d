import type { TroubleKind } from './claim-trouble.js';

/** A run that was reaped as dead although its process is alive: both looks, in words. */
export interface Braked {
  job_id: string;
  run_key: string;
  host: string | null;
  reason: string;
  claimed_at: string;
  then: string | null;
  found_at: string;
  now: string;
}

/** A death over the crash budget. */
export interface OverBudgetDeath {
  job_id: string;
  /** `queued` if it was not alone in its process, or that cannot be told. */
  outcome: 'failed' | 'queued';
  /** How often the job had died by its own process, this time included. */
  deaths: number;
  /** REAPER_MAX_CRASHES at that time. */
  max: number;
  /** ISO 8601. */
  claimed_at: string;
}

/** The reaper's state for any monitor: the row of `reaper.status`, with the view's names. */
export interface Status {
  enabled: boolean;
  mode: 'active' | 'observe';
  paused: boolean;
  paused_by: string | null;
  paused_reason: string | null;
  adapter: string | null;
  interval_s: number | null;
  /** Unix seconds of the last sweep, even if it failed. */
  last_run_ts: number | null;
  reaped_total: number;
  last_reaped: { job_id: string; agent: string | null; outcome: string } | null;
  lease_reclaimed_total: number;
  running: number;
  watching: number;
  hosts_without_probe: string[];
  unwatchable: { jobId: string; why: string }[];
  /** The survivor that switched the dry run on, or null. */
  braked: Braked | null;
  /** All runs so far that were reaped although their process was alive. */
  survivors: number;
  /** All late writes by monitors of reaped runs that `sql/extras/reject-late-finalize.sql` has rejected so far. */
  late_writes: number;
  /** Runs that cannot be claimed: how many, and the first of them. Times are ISO 8601. */
  claim_trouble: {
    count: number;
    first: {
      job_id: string;
      kind: TroubleKind;
      why: string;
      failures: number;
      since: string;
      retry_at: string;
    }[];
  };
  /** Runs with a symptom for which no watch was free at the last sweep: how many, and their first jobs. */
  waiting: { count: number; first: string[] };
  /** Hosts whose probe failed in the last sweep, with the cause. */
  hosts_failing: Record<string, string>;
  /**
   * Runs whose liveness is unknown, by host: those that the host's probe called unknown in the last sweep, all runs of a host whose
   * probe does not answer or fails, and under '' those whose row names no host.
   */
  unknown_runs: Record<string, number>;
  /** Running jobs under a hold. */
  held: number;
  /** Channels that do not deliver: since when (ISO 8601), why, and how many messages they have lost so far. */
  failing_channels: { channel: string; since: string; why: string; lost: number }[];
  /** Boots in workers' tokens that no probe has reported, and how many running jobs are unknown because of that. */
  unknown_boots: { count: number; runs: number };
  /** Hosts that had one watch for all their runs after the last sweep: how many, and the first of them; '' for runs of no host. */
  hosts_watched: { count: number; first: string[] };
  /** Why the view of running jobs does not show the queue, such as while the adapter is detached: then nothing is reaped. */
  adapter_trouble: string[];
  /**
   * All deaths over the crash budget (REAPER_MAX_CRASHES) so far: how many failed their job, how many requeued it because it was not
   * alone in its process, and the newest of both that are still in the ledger.
   */
  crash_budget: { failed: number; requeued: number; last: OverBudgetDeath[] };
  /** What is wrong with hosts' probes, such as two machines with one name: `<host>: <what>`. */
  host_warnings: string[];
}
