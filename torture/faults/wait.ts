import { setTimeout } from 'node:timers/promises';
import type { Random } from '../random.js';

/** Waits for a random time between these, in seconds. */
export function waitBetween(random: Random, leastS: number, mostS: number): Promise<void> {
  return setTimeout(random.between(leastS, mostS) * 1000);
}

/** Waits until something is there. Null when it is not there in time. */
export async function waitFor<T>(
  look: () => Promise<T | null> | T | null,
  limitMs: number,
): Promise<T | null> {
  for (const deadline = Date.now() + limitMs; ;) {
    const seen = await look();
    if (seen !== null || Date.now() > deadline) return seen;
    await setTimeout(50);
  }
}
