import type { IdentityStamp } from './stamp.js';

/** What the platform says of a pid at this moment. */
export type Sighting =
  | { kind: 'absent' }
  /** `start` is what a stamp records of the process's start: equal only for the same process. */
  | { kind: 'present'; defunct: boolean; start: string }
  /** A process has this pid, but nothing more can be learned of it. */
  | { kind: 'hidden'; why: string }
  /** Not even its existence can be told. */
  | { kind: 'unclear'; why: string };

/** Where a stamp was written, seen from this probe: only `here` does its pid mean anything. */
export type StampOrigin =
  /** `boot` is null where boots have no ids. */
  | { kind: 'here'; place: string; boot: string | null }
  /** Whether that boot is over is not to be seen from here: see `judgeBoot`. */
  | { kind: 'other boot'; boot: string; here: string }
  | { kind: 'elsewhere'; evidence: string };

/** Whether a process is the one whose start a stamp names. */
export type StartComparison = { kind: 'same' } | { kind: 'other' } | { kind: 'unclear'; why: string };

/** One platform's way to look at processes. Drivers observe; what follows from it is decided in one place. */
export interface LivenessDriver {
  readonly kind: 'linux' | 'ps' | 'unsupported';
  /**
   * A driver for one batch, which may have looked at these pids already. Use it for this batch only and let it
   * go: what it holds is as old as this call.
   */
  prepare(pids: readonly (number | null)[]): LivenessDriver;
  look(pid: number): Sighting;
  locate(stamp: IdentityStamp): StampOrigin;
  /** Compares the start that a stamp names with the one that {@link look} found for the pid. */
  compareStart(pid: number, stamped: string, found: string): StartComparison;
  /** The process's stamp, or null when it does not exist or cannot be told. */
  identify(pid: number): string | null;
}
