import { setTimeout } from 'node:timers/promises';

/** Waits some milliseconds, but not beyond the signal. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(ms, undefined, { signal });
  } catch {
    // The signal ended the wait.
  }
}
