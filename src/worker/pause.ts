import { setTimeout } from 'node:timers/promises';

/** Waits some milliseconds, or until the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(ms, undefined, { signal });
  } catch {
    // The signal ended the wait.
  }
}
