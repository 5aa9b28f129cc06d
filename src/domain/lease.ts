import type { Liveness } from './liveness.js';

/** Seconds after which an unreadable or temporary lease file counts as left behind by a crash. */
export const DEFAULT_LEASE_TTL_S = 600;

/** What a lease file says: who may merge in a repo now, since when and for how long. */
export interface Lease {
  repo: string;
  /** Chosen by its holder; renewing the lease keeps it. */
  token: string;
  /** The holder's pid, on its own host. */
  pid: number | null;
  host: string | null;
  /** Identity stamp as `processIdentity` writes it, or null when its holder could not make one. */
  identity: string | null;
  /** Start of the first term, by the holder's clock. With the token it names one holding, however often it is renewed. */
  heldSince: Date;
  /** Start of this term. */
  acquiredAt: Date;
  /** Seconds that this term lasts. */
  ttlS: number;
}

/** Whether a lease still stands, and why. A reclaim records the reason. */
export interface LeaseVerdict {
  stale: boolean;
  /** One sentence a person can check, e.g. `holder dead: pid 71 absent in pid namespace 4026531836 of this boot`. */
  reason: string;
}

/** One stale lease to be reclaimed, as it goes on record. What an unreadable file does not say is null. */
export interface LeaseReclaim {
  /** The same for every reclaim of the same lease, so that it is recorded once. */
  key: string;
  repo: string;
  token: string | null;
  pid: number | null;
  host: string | null;
  identity: string | null;
  acquiredAt: Date | null;
  ttlS: number | null;
  reason: string;
  evidence: Record<string, unknown>;
}

/** What became of a record: made now, already made (by another worker, or before a crash), or not allowed now. */
export type LeaseRecordResult =
  { result: 'recorded' } | { result: 'known' } | { result: 'blocked'; why: string };

/**
 * A lease is stale when its holder is dead, or its TTL is over and the holder is not proven alive.
 *
 * @param writtenAt when the file was written. Its age counts if `acquiredAt` is in the future: a clock that was wrong must
 *   not block a repo forever
 */
export function judgeLease(lease: Lease, writtenAt: Date, liveness: Liveness, now: Date): LeaseVerdict {
  if (liveness.state === 'dead') return { stale: true, reason: `holder dead: ${liveness.evidence}` };
  if (liveness.proven) return { stale: false, reason: `holder alive: ${liveness.evidence}` };
  const start = lease.acquiredAt > now ? writtenAt : lease.acquiredAt;
  const { over, comparison } = compareAge(start, now, lease.ttlS);
  return { stale: over, reason: `${comparison}, holder ${liveness.state}: ${liveness.evidence}` };
}

/** An unreadable file is judged by its age alone. */
export function judgeUnreadable(why: string, writtenAt: Date, now: Date): LeaseVerdict {
  const { over, comparison } = compareAge(writtenAt, now, DEFAULT_LEASE_TTL_S);
  return { stale: over, reason: `${comparison}, unreadable: ${why}` };
}

function compareAge(start: Date, now: Date, ttlS: number): { over: boolean; comparison: string } {
  const ageS = (now.getTime() - start.getTime()) / 1000;
  const over = ageS >= ttlS;
  return { over, comparison: `age=${Math.floor(ageS)}s${over ? '>=' : '<'}${ttlS}s` };
}
