import { setTimeout } from 'node:timers/promises';
import pg from 'pg';

/** Milliseconds between two waits. */
const PAUSE_MS = 100;

/**
 * Takes the lock of an operator's pause again and again, each time for no longer than a moment, until it is stopped. So it measures how long
 * a pause would wait at the database, by its clock, without pausing anything.
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
      // In one message, so that nothing waits for this process while it has the lock.
      const results = (await client.query(
        `begin; select clock_timestamp() as at; lock table reaper.control in share row exclusive mode;
         select clock_timestamp() as at; commit`,
      )) as unknown as pg.QueryResult<{ at: Date }>[];
      const [began, got] = results.flatMap(({ rows }) => rows.map(({ at }) => at.getTime()));
      if (began === undefined || got === undefined) throw new Error('Expected two times, got fewer');
      waits.push(got - began);
      await setTimeout(PAUSE_MS);
    }
  })();
  return async () => {
    over.abort();
    await measuring.finally(() => client.end());
    return waits;
  };
}
