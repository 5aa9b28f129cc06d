import type { CrashFacts } from './crash-budget.js';
import type { Liveness } from './liveness.js';

/** Our status words; an adapter maps them to the user's. */
export type Outcome = 'done' | 'queued' | 'failed';

/** Which of the policy's three tiers decided. 1: dead pid, 2: recorded exit code, 3: backstop. */
export type Tier = 1 | 2 | 3;

/** Names one execution of a job. */
export interface RunRef {
  jobId: string;
  /** Set together with `running`, never changed, never reused. */
  runKey: string;
}

/** A run and the host it says it runs on. */
export interface HostedRun extends RunRef {
  host: string | null;
}

/** One execution of a job as the adapter's view shows it. Ages are whole seconds, truncated, by the database's clock. */
export interface JobRun extends HostedRun {
  runId: string | null;
  taskId: string | null;
  agent: string | null;
  repo: string | null;
  pid: number | null;
  processIdentity: string | null;
  attempts: number | null;
  maxAttempts: number | null;
  /** The run's own ceiling in seconds, or null for the policy's. */
  maxRunningS: number | null;
  /** Seconds since the run started, or null if the row does not say. */
  ageS: number | null;
  exitCode: number | null;
  /** Seconds since the exit code was recorded, or null if the row does not say. */
  exitAgeS: number | null;
  /** Whether it was recorded a second or more before the run started; missing from workers of older versions. */
  exitBeforeStart?: boolean;
  /**
   * Whether it was recorded less than a second after the run started, or earlier, or the row does not say when the run started;
   * missing from workers of older versions.
   */
  exitNearStart?: boolean;
  branch: string | null;
  /** The stage of the job's task now. */
  stage: string | null;
  /** The stage the job was made for, where jobs record it. */
  jobStage: string | null;
  workItem: string | null;
}

/** The settings that decisions depend on. The worker publishes them to the control row; they are never workflow arguments. */
export interface Policy {
  /** Kill switch. @default true */
  enabled: boolean;
  /** Kill switch of the lease reclaim. @default true */
  leaseReclaim: boolean;
  /** Seconds between sweeps. @default 15 */
  intervalS: number;
  /**
   * The minimum of seconds between two dead observations that count, for a run that is an interval old; see `confirmWaitS`. If missing, as
   * in policies of older versions, an interval.
   */
  confirmS?: number;
  /** Consecutive observations needed to believe that a pid is dead, or that a stamped run cannot be proven alive. @default 2 */
  deadTicks: number;
  /** Seconds that a monitor has to finalize after recording the exit code. @default 300 */
  finalizeGraceS: number;
  /** Ceiling of a run's age in seconds. @default 7200 */
  maxRunningS: number;
  /** What to do with a run over the ceiling that is proven alive. @default 'alert' */
  backstopAlive: 'alert' | 'reap';
  /** How often a job may die by its own process, see `judgeCrashes`. If missing, any number of times. */
  maxCrashes?: number;
  /** Whether all reaping stops once a reaped run's process turns out to be alive. @default true */
  brake: boolean;
  /** What to do with a run over the ceiling whose liveness is unknown. @default 'reap' */
  backstopUnknown: 'alert' | 'reap';
  /** Up to this many running jobs, every run has a watch. @default 25 */
  watchAllLimit: number;
  /** Maximum of open watches. @default 500 */
  maxWatches: number;
  /**
   * Above this many runs that need repair at a time, hosts with several get a host watch instead of single ones. If missing, as in
   * policies of older versions, never.
   */
  batchAbove?: number;
  /** Whether watches carry search attributes. @default true */
  searchAttributes: boolean;
}

/** A policy as it is published: it may leave two settings to the adapter. */
export type PublishedPolicy = Omit<Policy, 'backstopUnknown' | 'confirmS'> & {
  backstopUnknown: Policy['backstopUnknown'] | 'by adapter';
  confirmS?: number | 'by adapter';
};

export const DEFAULT_POLICY: Policy = {
  enabled: true,
  leaseReclaim: true,
  intervalS: 15,
  deadTicks: 2,
  finalizeGraceS: 300,
  maxRunningS: 7200,
  backstopAlive: 'alert',
  brake: true,
  backstopUnknown: 'reap',
  watchAllLimit: 25,
  maxWatches: 500,
  searchAttributes: true,
};

/** REAPER_BATCH_ABOVE, unless set. */
export const DEFAULT_BATCH_ABOVE = 25;

/** One fresh look at a run: its row and its process. */
export interface Observation {
  run: JobRun;
  liveness: Liveness;
  /** Whether the alert that this run is over its ceiling and proven alive was already sent. */
  alerted: boolean;
  /** Whether the alert that it is over its ceiling and unknown was already sent. Missing from looks of older versions. */
  alertedUnknown?: boolean;
  /** The deaths of its job by its own process. Missing from looks of older versions; null without a crash budget. */
  crashes?: CrashFacts | null;
}

/** What a watch remembers from one observation to the next. Times are the watch's clock in milliseconds. */
export interface WatchMemory {
  /** Consecutive dead observations counted so far. */
  streak: number;
  lastDeadAtMs: number | null;
  /** The first of them; for a process that was defunct before, when it was first seen so. */
  firstDeadAtMs: number | null;
  /** Since when the process has been seen defunct without a break. */
  defunctSinceMs: number | null;
  /** Consecutive counted looks at a stamped run over its ceiling that did not prove it alive; absent before the first. */
  unknown?: { looks: number; lastAtMs: number };
}

export const FRESH_MEMORY: WatchMemory = {
  streak: 0,
  lastDeadAtMs: null,
  firstDeadAtMs: null,
  defunctSinceMs: null,
};

/** What the policy decides after one observation. */
export type Verdict =
  | { kind: 'healthy' }
  | {
      kind: 'defer';
      /** Milliseconds until the next observation. */
      waitMs: number;
      why: 'dead' | 'defunct' | 'finalizing' | 'unknown';
      /** One log line, in the words an operator searches for. */
      line: string;
    }
  | { kind: 'alert'; about: 'alive' | 'unknown'; reason: string }
  | { kind: 'reap'; tier: Tier; path: 'unknown-outcome' | 'exit-zero'; reason: string };
