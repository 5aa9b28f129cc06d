import type { Control } from '../db/control.js';
import type { HostState } from '../db/host-state.js';
import type { Hold } from '../db/holds.js';
import type { LedgerEntry } from '../db/ledger.js';
import type { WouldBeReap } from '../db/would-be-reaps.js';
import type { CrashFacts } from '../domain/crash-budget.js';
import type { ClaimTrouble } from '../domain/claim-trouble.js';
import type { Liveness } from '../domain/liveness.js';
import type { JobRun } from '../domain/types.js';
import type { WorkerTrouble } from '../domain/worker-trouble.js';
import type { HostWatchState, WatchState } from '../workflows/messages.js';
import type { LastSweep } from './last-sweep.js';

/** A fresh probe of the run's process, or the only host that could probe it. */
export type ProbeFacts =
  | { kind: 'here'; liveness: Liveness }
  /** Its own host was asked, through the reaper. */
  | { kind: 'there'; host: string; liveness: Liveness }
  | { kind: 'elsewhere'; host: string }
  | { kind: 'nowhere' };

/** The answer of the run's watch, or why there is none. */
export type WatchFacts =
  /** `trouble`: activities of it that fail and are retried, one line each. */
  | { kind: 'open'; state: WatchState; trouble?: string[] }
  /** It is open, but no worker answers for it. */
  | { kind: 'silent'; why: string }
  | { kind: 'closed'; status: string }
  | { kind: 'none' }
  | { kind: 'unreachable'; why: string };

/** An open watch of a whole host; its state is null if it does not answer. */
export interface HostWatchFacts {
  id: string;
  state: HostWatchState | null;
}

/** A run that is marked running, with everything that decides what happens to it. */
export interface RunningFacts {
  run: JobRun;
  /** Why the row can never be watched, or null. */
  unwatchable: string | null;
  /** Why it may not be claimed now, in the words of `reaper.block_on`, or null. */
  block: string | null;
  /** Why it cannot be claimed, or null. */
  trouble: ClaimTrouble | null;
  /** Why nobody can tell which process its worker is. @default null, where the row names a process */
  workerTrouble?: WorkerTrouble | null;
  /** The holds that apply to this run. */
  holds: Hold[];
  /** Who declared its host gone after it started; null if no declaration is in effect. */
  hostGoneBy: string | null;
  /** What was declared about the boot or namespace in its stamp, as evidence of its death; or null. */
  placeGone: string | null;
  /** An alert was already sent that it is over its ceiling. */
  alerted: boolean;
  /** An alert was already sent that it is over its ceiling and may or may not be alive. */
  alertedUnknown: boolean;
  /** The deaths of its job by its own process; null without a crash budget. */
  crashes: CrashFacts | null;
  hasStages: boolean;
  host: HostState | null;
  probe: ProbeFacts;
  watch: WatchFacts;
  /** The open watch of its whole host, or null if there is none. @default null */
  hostWatch?: HostWatchFacts | null;
}

/** Everything known about a job. Times are by the database's clock. */
export interface ExplainFacts {
  jobId: string;
  nowMs: number;
  control: Control;
  lastSweep: LastSweep | null;
  /** Null if the job is not marked running. */
  running: RunningFacts | null;
  /** Its claims, the newest first. */
  ledger: LedgerEntry[];
  /** The dry run's would-be reaps, the newest first. */
  wouldBe: WouldBeReap[];
}
