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
  /** What is odd about the probes of hosts, such as two machines under one name: `<host>: <what>`. */
  host_warnings: string[];
}
