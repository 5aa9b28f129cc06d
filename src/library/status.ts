import type { TroubleKind } from '../domain/claim-trouble.js';
import type { Status as StatusRow } from '../domain/status.js';
import type { Outcome } from '../domain/types.js';

/** The reaper's state: the row of view `reaper.status`, with names and times as a program expects them. */
export interface Status {
  /** REAPER_ENABLED, as the worker last published it. */
  enabled: boolean;
  /** `observe` is the dry run. */
  mode: 'active' | 'observe';
  paused: boolean;
  pausedBy: string | null;
  pausedReason: string | null;
  /** The adapter that `job-reaper migrate` installed. */
  adapter: string | null;
  /** Seconds between sweeps. */
  intervalS: number | null;
  /** The start of the last sweep, even if it failed. */
  lastRunAt: Date | null;
  /** All claims so far. */
  reapedTotal: number;
  /** The newest claim. */
  lastReaped: { jobId: string; agent: string | null; outcome: Outcome } | null;
  /** All leases reclaimed so far. */
  leaseReclaimedTotal: number;
  /** Jobs that are marked running. */
  running: number;
  /** Open watches after the last sweep. */
  watching: number;
  /** Hosts whose queue nobody polls. */
  hostsWithoutProbe: string[];
  /** Rows that can never be watched, and why. */
  unwatchable: { jobId: string; why: string }[];
  /** The run that switched the dry run on, because it was reaped as dead although its process is alive; or null. */
  braked: Braked | null;
  /** All runs so far that were reaped although their process was alive. */
  survivors: number;
  /** All late writes by monitors of reaped runs that `sql/extras/reject-late-finalize.sql` has rejected so far. */
  lateWrites: number;
  /** Runs that cannot be claimed: how many, and the first of them. */
  claimTrouble: {
    count: number;
    first: {
      jobId: string;
      kind: TroubleKind;
      why: string;
      failures: number;
      since: Date;
      retryAt: Date;
    }[];
  };
  /** Runs with a symptom for which no watch was free at the last sweep: how many, and their first jobs. */
  waiting: { count: number; first: string[] };
  /** Hosts that had one watch for all their runs after the last sweep: how many, and the first; `''` for runs of no host. */
  hostsWatched: { count: number; first: string[] };
  /** Hosts whose probe failed in the last sweep, with the cause. */
  hostsFailing: Record<string, string>;
  /** How many runs' liveness is unknown, by host; under `''` those whose row names no host. */
  unknownRuns: Record<string, number>;
  /** Running jobs under a hold. */
  held: number;
  /** What is wrong with hosts' probes, such as two machines with one name: `<host>: <what>`. */
  hostWarnings: string[];
  /** Channels that do not deliver: since when, why, and how many messages they have lost so far. */
  failingChannels: { channel: string; since: Date; why: string; lost: number }[];
  /** Boots in workers' tokens that no probe has reported, and how many running jobs are unknown because of that. */
  unknownBoots: { count: number; runs: number };
  /** Why the view of running jobs does not show the queue, such as while the adapter is detached: then nothing is reaped. */
  adapterTrouble: string[];
  /**
   * All deaths over the crash budget (REAPER_MAX_CRASHES) so far: how many failed their job, how many requeued it because it was not
   * alone in its process, and the newest of both that are still in the ledger.
   */
  crashBudget: { failed: number; requeued: number; last: OverBudgetDeath[] };
}

/** A death over the crash budget. */
export interface OverBudgetDeath {
  jobId: string;
  /** `queued` if it was not alone in its process, or that cannot be told. */
  outcome: Extract<Outcome, 'failed' | 'queued'>;
  /** How often the job had died by its own process, this time included. */
  deaths: number;
  /** REAPER_MAX_CRASHES at that time. */
  max: number;
  claimedAt: Date;
}

/** A run that was reaped as dead although its process is alive: what both looks saw, in words. */
export interface Braked {
  jobId: string;
  runKey: string;
  host: string | null;
  /** Why it was reaped. */
  reason: string;
  claimedAt: Date;
  /** What its process looked like when it was reaped. */
  then: string | null;
  foundAt: Date;
  /** What it looked like at `foundAt`. */
  now: string;
}

/** Converts the row at the library's door: SQL, the Web UI and `/status` keep the view's names. */
export function toStatus(row: StatusRow): Status {
  const { braked, last_reaped: last, last_run_ts: lastRunS, claim_trouble: trouble } = row;
  return {
    enabled: row.enabled,
    mode: row.mode,
    paused: row.paused,
    pausedBy: row.paused_by,
    pausedReason: row.paused_reason,
    adapter: row.adapter,
    intervalS: row.interval_s,
    lastRunAt: lastRunS === null ? null : new Date(lastRunS * 1000),
    reapedTotal: row.reaped_total,
    lastReaped: last && { jobId: last.job_id, agent: last.agent, outcome: last.outcome as Outcome },
    leaseReclaimedTotal: row.lease_reclaimed_total,
    running: row.running,
    watching: row.watching,
    hostsWithoutProbe: row.hosts_without_probe,
    unwatchable: row.unwatchable,
    braked: braked && {
      jobId: braked.job_id,
      runKey: braked.run_key,
      host: braked.host,
      reason: braked.reason,
      claimedAt: new Date(braked.claimed_at),
      then: braked.then,
      foundAt: new Date(braked.found_at),
      now: braked.now,
    },
    survivors: row.survivors,
    lateWrites: row.late_writes,
    claimTrouble: {
      count: trouble.count,
      first: trouble.first.map(({ job_id, retry_at, since, ...rest }) => ({
        jobId: job_id,
        ...rest,
        since: new Date(since),
        retryAt: new Date(retry_at),
      })),
    },
    waiting: row.waiting,
    hostsWatched: row.hosts_watched,
    hostsFailing: row.hosts_failing,
    unknownRuns: row.unknown_runs,
    held: row.held,
    hostWarnings: row.host_warnings,
    failingChannels: row.failing_channels.map((failing) => ({ ...failing, since: new Date(failing.since) })),
    unknownBoots: row.unknown_boots,
    adapterTrouble: row.adapter_trouble,
    crashBudget: {
      ...row.crash_budget,
      last: row.crash_budget.last.map(({ job_id, claimed_at, ...rest }) => ({
        jobId: job_id,
        ...rest,
        claimedAt: new Date(claimed_at),
      })),
    },
  };
}
