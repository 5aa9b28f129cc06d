import { setTimeout } from 'node:timers/promises';

/** Milliseconds between two checks. */
const PAUSE_MS = 50;

/**
 * Waits until something is true.
 *
 * @param limitMs how many milliseconds to wait
 * @throws if it is not true within the limit
 */
export async function until(what: string, isTrue: () => Promise<boolean>, limitMs = 60_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`Expected within ${limitMs} ms: ${what}`);
    await setTimeout(PAUSE_MS);
  }
}
