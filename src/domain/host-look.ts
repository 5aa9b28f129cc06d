import type { DeathCause, Liveness, LivenessState, ProcessStamp } from './liveness.js';
import type { Policy } from './types.js';

/** Bytes of evidence that one look returns. Runs whose evidence does not fit are left to the sweep. */
const MAX_EVIDENCE_BYTES = 8_000;

/** Bytes of names that one look returns: more than a page has, unless runs were added to it since it was planned. */
export const MAX_NAMES_BYTES = 50_000;

/** With more dead ticks than this, single watches do all: the looks of a host watch would fill its history. */
export const MAX_HOST_LOOKS = 5;

/** A stretch of a host's runs, in the order of their job ids. */
export interface HostPage {
  /** The job id before the first, or null from the beginning. */
  after: string | null;
  /** The last job id. */
  to: string;
}

/** What a look is about: a page, or those of its runs that an earlier look named. */
export interface LookTarget {
  page: HostPage;
  /** Null for all of them. */
  named: readonly SeenRun[] | null;
}

/** A run that a look names: the digest is that of the facts that a verdict on it rests on. */
export type SeenRun = readonly [jobId: string, runKey: string, digest: string];

/** What was seen of a run's process, or declared about it. */
export interface Sighting extends Liveness {
  /** It rests on what an operator declared, so the claim checks that this still stands. */
  declared?: true;
}

/** Evidence that many runs share: in each, its own pid stands between the parts, and the start in its own stamp within them. */
export interface SeenKind {
  state: LivenessState;
  proven: boolean;
  parts: readonly (readonly string[])[];
  /** One look is enough to decide. */
  once: boolean;
  /** As in {@link Liveness}. */
  cause?: DeathCause;
  /** As in {@link Sighting}. */
  declared?: true;
}

/** What one look at a page of a host's runs found. */
export interface HostLook {
  /** When the rows were read: milliseconds by the database's clock. */
  readMs: number;
  kinds: SeenKind[];
  /** The runs worth another look or a claim. */
  runs: SeenRun[];
  /** For each of them, the index of its kind; -1 if it is over, has changed, or shows nothing any more. */
  seen: number[];
  /** Rows read. */
  rows: number;
  /** Runs that show something, but are the sweep's: too young, defunct, within their grace. */
  others: number;
}

/** What a look has to know of the policy. */
export type LookLimits = Pick<Policy, 'intervalS' | 'finalizeGraceS' | 'maxRunningS'> & {
  /** Whether a declaration may tell of runs that no probe can see. */
  placesGone: boolean;
  /** The host has a probe, and it failed: what is unknown now, it may know when a single watch asks. */
  probeFailed?: boolean;
};

/** What a look reads of a run besides its process. Ages are whole seconds by the database's clock. */
export interface LookRow {
  exitCode: number | null;
  exitAgeS: number | null;
  /** The exit record is older than the run. */
  exitBeforeStart: boolean;
  ageS: number | null;
  maxRunningS: number | null;
  processIdentity: string | null;
  /** People know that it is over its ceiling and alive. */
  alertedAlive: boolean;
}

/** Whether a host watch does anything about a run: `once` after one look, `again` after more, `other`: a single watch does. */
export function interestIn(
  row: LookRow,
  { state }: Liveness,
  limits: LookLimits,
): 'once' | 'again' | 'other' | 'none' {
  const { ageS, exitAgeS } = row;
  const mayBeProvenAlive = state === 'unknown' && limits.probeFailed === true && row.processIdentity !== null;
  if (row.exitCode !== null && !row.exitBeforeStart) {
    // Its record may be a previous run's, if the process in its stamp is alive.
    return exitAgeS !== null && exitAgeS >= limits.finalizeGraceS && !mayBeProvenAlive ? 'once' : 'other';
  }
  const ownMaxS = row.maxRunningS !== null && row.maxRunningS > 0 ? row.maxRunningS : limits.maxRunningS;
  const isOver = ageS !== null && ageS >= ownMaxS;
  switch (state) {
    case 'alive':
      return isOver && !row.alertedAlive ? 'once' : 'none';
    case 'unknown':
      if (isOver && mayBeProvenAlive) return 'other';
      if (isOver) return row.processIdentity === null ? 'once' : 'again';
      return limits.placesGone ? 'again' : 'none';
    case 'dead':
      // A row that was just taken may still show its last run's process.
      return ageS === null || ageS < limits.intervalS ? 'other' : 'again';
    case 'defunct':
      return 'other';
  }
}

/** Collects evidence by kind: ten thousand dead processes of one host have one kind between them. */
export class Kinds {
  readonly list: SeenKind[] = [];
  readonly #known = new Map<string, number>();
  #bytes = 0;

  /** The index of the evidence's kind; null if there is no room for another. */
  add(
    { state, proven, evidence, cause, declared }: Sighting,
    stamp: ProcessStamp,
    once: boolean,
  ): number | null {
    const start = startOf(stamp);
    const parts = evidence.split(nameOf(stamp)).map((part) => (start === '' ? [part] : part.split(start)));
    const kind: SeenKind = {
      state,
      proven,
      parts,
      once,
      ...(cause && { cause }),
      ...(declared && { declared }),
    };
    const key = JSON.stringify(kind);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#bytes += key.length;
    if (this.#bytes > MAX_EVIDENCE_BYTES) return null;
    this.#known.set(key, this.list.length);
    return this.list.push(kind) - 1;
  }
}

/** The evidence as a single watch has it. */
export function livenessOf({ state, proven, parts, cause }: SeenKind, stamp: ProcessStamp): Liveness {
  const evidence = parts.map((part) => part.join(startOf(stamp))).join(nameOf(stamp));
  return { state, proven, ...(cause && { cause }), evidence };
}

/** What was seen, as unknown, with the reason for the doubt before it. */
export function doubted(kind: SeenKind, reason: string): SeenKind {
  const { once, declared } = kind;
  const [[first = '', ...rest] = [], ...others] = kind.parts;
  const parts = [[reason + first, ...rest], ...others];
  return { state: 'unknown', proven: false, parts, once, ...(declared && { declared }) };
}

function nameOf({ pid }: ProcessStamp): string {
  return `pid ${pid ?? 'None'}`;
}

/** What differs between the stamps of a host's processes. */
function startOf({ processIdentity }: ProcessStamp): string {
  return processIdentity?.split(':').at(-1) ?? '';
}
