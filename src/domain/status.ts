import type { TroubleKind } from './claim-trouble.js';

/** A run that was reaped as dead although its process lives: both looks, in words. */
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

/** The reaper's state for any monitor: the row of `reaper.status`, in its own names. */
export interface Status {
  enabled: boolean;
  mode: 'active' | 'observe';
  paused: boolean;
  paused_by: string | null;
  paused_reason: string | null;
  adapter: string | null;
  interval_s: number | null;
  /** Unix seconds of the last sweep, also of a failed one. */
  last_run_ts: number | null;
  reaped_total: number;
  last_reaped: { job_id: string; agent: string | null; outcome: string } | null;
  lease_reclaimed_total: number;
  running: number;
  watching: number;
  hosts_without_probe: string[];
  unwatchable: { jobId: string; why: string }[];
  /** The survivor because of which the dry run is on, or null. */
  braked: Braked | null;
  /** Runs that were reaped although their process lives, ever. */
  survivors: number;
  /** Late writes of reaped runs' monitors that `sql/extras/reject-late-finalize.sql` rejected, ever. */
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
  /** Runs with a symptom for which no watch was free at the last sweep: how many, and the first jobs. */
  waiting: { count: number; first: string[] };
  /** Hosts whose probe failed at the last sweep's question, with the cause. */
  hosts_failing: Record<string, string>;
  /**
   * Runs whose liveness is unknown, by host: those of which the host's probe could not tell at the last sweep, all of a host whose
   * probe does not answer or fails, and under '' those whose row names no host.
   */
  unknown_runs: Record<string, number>;
  /** Running jobs under a hold. */
  held: number;
  /** Where people are to be told but are not: since when (ISO 8601), why, and how many messages were lost there, ever. */
  failing_channels: { channel: string; since: string; why: string; lost: number }[];
  /** What is odd about the probes of hosts, such as two machines under one name: `<host>: <what>`. */
  host_warnings: string[];
}
