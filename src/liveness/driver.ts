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

/** Where a stamp was written, as seen from this probe. Its pid means something only if that is `here`. */
export type StampOrigin =
  /** `boot` is null on platforms without boot ids. */
  | { kind: 'here'; place: string; boot: string | null }
  /** Whether that boot is over cannot be seen from here: see `judgeBoot`. */
  | { kind: 'other boot'; boot: string; here: string }
  | { kind: 'elsewhere'; evidence: string };

/** Whether a process is the one whose start a stamp names. */
export type StartComparison = { kind: 'same' } | { kind: 'other' } | { kind: 'unclear'; why: string };

/** One platform's way to look at processes. Drivers only observe; conclusions are drawn in one place. */
export interface LivenessDriver {
  readonly kind: 'linux' | 'ps' | 'unsupported';
  /**
   * A driver for one batch, which may already have looked at these pids. Use it for this batch only: what it holds
   * is as old as this call.
   */
  prepare(pids: readonly (number | null)[]): LivenessDriver;
  look(pid: number): Sighting;
  locate(stamp: IdentityStamp): StampOrigin;
  /** Compares the start that a stamp names with the one that {@link look} found for the pid. */
  compareStart(pid: number, stamped: string, found: string): StartComparison;
  /** The process's stamp, or null if it does not exist or cannot be identified. */
  identify(pid: number): string | null;
}
