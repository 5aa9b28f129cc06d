import { judge, type Judgement } from './policy.js';
import type { Liveness } from './liveness.js';
import { FRESH_MEMORY, type Observation, type Policy, type WatchMemory } from './types.js';

/** What one of several looks at a run found. */
export interface TimedLook {
  liveness: Liveness;
  /** By the watch's clock, in milliseconds. */
  nowMs: number;
}

/**
 * The policy's verdict after some looks at one run, as a single watch comes to it: each look with the memory of those before. The verdict
 * is that of the last one; null without looks.
 *
 * @param base the run as it was read after the last look, with the facts that all looks were about
 */
export function judgeLooks(
  base: Omit<Observation, 'liveness'>,
  looks: readonly TimedLook[],
  policy: Policy,
): (Judgement & { observation: Observation }) | null {
  let last: (Judgement & { observation: Observation }) | null = null;
  for (const { liveness, nowMs } of looks) {
    const observation = { ...base, liveness };
    const memory: WatchMemory = last?.memory ?? FRESH_MEMORY;
    last = { ...judge(observation, { policy, memory, nowMs }), observation };
  }
  return last;
}
