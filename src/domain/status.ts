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
  /** Where people are to be told but are not: since when (ISO 8601), why, and how many messages were lost there, ever. */
  failing_channels: { channel: string; since: string; why: string; lost: number }[];
}
