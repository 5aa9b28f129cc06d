import { setTimeout } from 'node:timers/promises';
import pg from 'pg';

/** Milliseconds between two waits. */
const PAUSE_MS = 100;

/**
 * Takes the lock of an operator's pause again and again, each time for no longer than a moment, until it is stopped. So it measures how long
 * a pause would wait, without pausing anything.
 *
 * @returns what stops it, and returns the waits in milliseconds
 */
export async function measureLockWaits(adminUrl: string): Promise<() => Promise<number[]>> {
  const client = new pg.Client({ connectionString: adminUrl, application_name: 'job-reaper bench' });
  await client.connect();
  const waits: number[] = [];
  const over = new AbortController();
  const measuring = (async () => {
    while (!over.signal.aborted) {
      const beganMs = performance.now();
      await client.query('begin; lock table reaper.control in share row exclusive mode; commit');
      waits.push(performance.now() - beganMs);
      await setTimeout(PAUSE_MS);
    }
  })();
  return async () => {
    over.abort();
    await measuring.finally(() => client.end());
    return waits;
  };
}
