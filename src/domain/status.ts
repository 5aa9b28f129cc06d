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
}
