import type { Control } from '../../db/control.js';
import type { HostState } from '../../db/host-state.js';
import type { Hold } from '../../db/holds.js';
import type { LedgerEntry } from '../../db/ledger.js';
import type { WouldBeReap } from '../../db/would-be-reaps.js';
import type { ClaimTrouble } from '../../domain/claim-trouble.js';
import type { Liveness } from '../../domain/liveness.js';
import type { JobRun } from '../../domain/types.js';
import type { WatchState } from '../../workflows/messages.js';
import type { LastSweep } from '../read-state.js';

/** A fresh look at the run's process, or who alone could take one. */
export type ProbeFacts =
  { kind: 'here'; liveness: Liveness } | { kind: 'elsewhere'; host: string } | { kind: 'nowhere' };

/** What became of asking the run's watch. */
export type WatchFacts =
  /** `trouble`: what of it fails and is tried again, one line each. */
  | { kind: 'open'; state: WatchState; trouble?: string[] }
  /** It is open, but no worker answers for it. */
  | { kind: 'silent'; why: string }
  | { kind: 'closed'; status: string }
  | { kind: 'none' }
  | { kind: 'unreachable'; why: string };

/** A run that its job's table calls running, with all that decides about it. */
export interface RunningFacts {
  run: JobRun;
  /** Why the row can never be watched, or null. */
  unwatchable: string | null;
  /** Why nothing may be claimed for it now, in the words of `reaper.block_on`, or null. */
  block: string | null;
  /** Why it cannot be claimed, or null. */
  trouble: ClaimTrouble | null;
  /** Those in force over this run. */
  holds: Hold[];
  /** Who declared its host gone after it had started, or null where no declaration stands. */
  hostGoneBy: string | null;
  /** What was declared of the place that its stamp names, as evidence of its death; or null. */
  placeGone: string | null;
  /** That it is over its ceiling was already told. */
  alerted: boolean;
  /** That it is over its ceiling, and nobody can tell, was already told. */
  alertedUnknown: boolean;
  hasStages: boolean;
  host: HostState | null;
  probe: ProbeFacts;
  watch: WatchFacts;
}

/** All that is known about a job, gathered. Times are by the database's clock. */
export interface ExplainFacts {
  jobId: string;
  nowMs: number;
  control: Control;
  lastSweep: LastSweep | null;
  /** Null when its table does not call the job running. */
  running: RunningFacts | null;
  /** Its claims, the newest first. */
  ledger: LedgerEntry[];
  /** The dry run's would-be reaps, the newest first. */
  wouldBe: WouldBeReap[];
}
