import type { Facts } from '../facts/facts.js';

/** A promise that was broken. */
export interface Violation {
  /** The name of the invariant. */
  invariant: string;
  /** What happened, in words; the same words mean the same event. */
  what: string;
  evidence: unknown;
}

/** A promise, and how to tell from the facts that it was broken. */
export interface Invariant {
  name: string;
  /** As the users are promised. */
  promise: string;
  /** A broken promise stays broken: this may be asked again and again, with more and more facts. */
  check(facts: Facts): Iterable<Omit<Violation, 'invariant'>>;
}

/** Judges all facts by all invariants. */
export function judge(invariants: readonly Invariant[], facts: Facts): Violation[] {
  return invariants.flatMap((invariant) =>
    [...invariant.check(facts)].map((violation) => ({ invariant: invariant.name, ...violation })),
  );
}
