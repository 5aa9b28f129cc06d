import { setTimeout } from 'node:timers/promises';
import { judge, type Invariant, type Violation } from './invariants/invariant.js';
import type { World } from './world/world.js';

/** Milliseconds until all sources know what one of them knows. */
const SETTLE_MS = 3_000;

/** Thrown if a promise was broken. */
export class ViolationError extends Error {
  override name = 'ViolationError';

  constructor(readonly violations: readonly Violation[]) {
    super(violations.map(({ invariant, what }) => `${invariant}: ${what}`).join('\n'));
  }
}

/**
 * Reads all facts and judges them. What looks broken is judged again once everything in progress is over: sources are read one
 * after another, so one of them may know something that another is about to report.
 *
 * @throws ViolationError
 */
export async function judgeWorld({ facts }: World, invariants: readonly Invariant[]): Promise<void> {
  await facts.read();
  if (judge(invariants, facts).length === 0) return;
  await setTimeout(SETTLE_MS);
  await facts.read();
  const violations = judge(invariants, facts);
  if (violations.length > 0) throw new ViolationError(violations);
}
