import type { ProcessStamp } from '../domain/liveness.js';
import type { Survivors } from './families.js';
import type { Place } from './place.js';
import type { IdentityStamp } from './stamp.js';

/** What the platform says about a pid now. */
export type Sighting =
  | { kind: 'absent' }
  /** `start` is what a stamp records of the process's start: equal only for the same process. */
  | { kind: 'present'; defunct: boolean; start: string }
  /** A process has this pid, but nothing else about it can be read. */
  | { kind: 'hidden'; why: string }
  /** Not even its existence is known. */
  | { kind: 'unclear'; why: string };

/** Where a stamp was written, as seen from this probe. Its pid can be looked up only if that is `here`. */
export type StampOrigin =
  /** `boot` is null on platforms without boot ids. */
  | { kind: 'here'; place: string; boot: string | null }
  /** Another pid namespace of this boot: its process can be among those that this probe lists. */
  | { kind: 'other namespace'; boot: string }
  /** Whether that boot is over cannot be seen from here: see `judgeBoot`. */
  | { kind: 'other boot'; boot: string; here: string }
  | { kind: 'elsewhere'; evidence: string };

/** Whether a process is the one whose start a stamp names. */
export type StartComparison = { kind: 'same' } | { kind: 'other' } | { kind: 'unclear'; why: string };

/** What is known of the process of a stamp from another pid namespace. `how` says how it was seen. */
export type Trace =
  | { kind: 'found'; how: string }
  /** Whichever process it was, it has exited and is not collected. */
  | { kind: 'exited'; how: string }
  | { kind: 'gone'; how: string }
  | { kind: 'unclear'; why: string };

/** How exact {@link LivenessDriver.prepare} has to be. */
export interface PrepareOptions {
  /**
   * The processes must be listed at or after this time, by performance.now(): when their rows had been read.
   *
   * @default now
   */
  sinceMs?: number;
  /**
   * List nothing. A process that was found before and is gone counts as gone, and one that was never found is unclear. Enough for a
   * symptom, not for a verdict.
   *
   * @default false
   */
  fromMemory?: boolean;
}

/** One process within the boot and pid namespace of a {@link Place}. */
export interface PlacedProcess {
  pid: number;
  start: string;
}

/** Whether a pid of a {@link Place} is a process's. */
export type PlacedSighting =
  ({ kind: 'present'; defunct: boolean } & PlacedProcess) | { kind: 'absent' } | { kind: 'unclear' };

/** One platform's way to look at processes. Drivers only observe; conclusions are drawn in one place. */
export interface LivenessDriver {
  readonly kind: 'linux' | 'ps' | 'unsupported';
  /**
   * A driver for one batch, which may already have looked at these processes. Use it for this batch only: what it holds
   * is as old as this call. Never rejects.
   */
  prepare(processes: readonly ProcessStamp[], options?: PrepareOptions): Promise<LivenessDriver>;
  look(pid: number): Sighting;
  locate(stamp: IdentityStamp): StampOrigin;
  /** Compares the start that a stamp names with the one that {@link look} found for the pid. */
  compareStart(pid: number, stamped: string, found: string): StartComparison;
  /** Finds the process of a stamp from another pid namespace of this boot, in what was listed for this batch. */
  trace(process: ProcessStamp & { pid: number }): Trace;
  /**
   * Whether a look from memory can tell something about a process. False for one of another pid namespace of this boot that has not been
   * found in any list yet.
   */
  isFamiliar(process: ProcessStamp): boolean;
  /** A cheap look at a process that was alive. True says that it seems to be gone, and proves nothing. */
  seemsGone(process: ProcessStamp): boolean;
  /** Lists the children of these processes, and forgets those of all others. Never rejects. */
  keepFamilies(processes: readonly ProcessStamp[]): Promise<void>;
  /** Notes that a process has been proven alive. */
  isAlive(process: ProcessStamp): void;
  /** What became of the children of a dead process; null where nobody can tell whose children they are. */
  survivorsOf(process: ProcessStamp): Survivors | null;
  /** The process's stamp, or null if it does not exist or cannot be identified. */
  identify(pid: number): string | null;
  /** What this probe reports as the place whose processes it sees; null on platforms without boot ids. */
  place(): Place | null;
  /** A process of that place: this one, or the one that has a pid there now. */
  inPlace(pid: number | 'self'): PlacedSighting;
}
