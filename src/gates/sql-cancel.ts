import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { endClient } from './sql-session.js';

/** Milliseconds that a cancelled query gets to end before its connection is dropped. */
const CANCEL_MS = 2000;
const CANCEL_EVERY_MS = 200;

/**
 * Cancels until the query is over, since a cancellation that comes before the query is lost. The backend is ours as
 * long as its transaction is, so that nobody else's query is hit.
 *
 * @returns whether the server still ran the query: else its answer, or the query itself, was lost on its way
 */
export async function cancelQuery(
  connectionString: string,
  serverPid: number,
  query: Promise<unknown>,
): Promise<boolean> {
  const over = query.then(
    () => true,
    () => true,
  );
  const client = new pg.Client({
    connectionString,
    application_name: 'job-reaper gate',
    connectionTimeoutMillis: CANCEL_MS,
    query_timeout: CANCEL_MS,
  });
  client.on('error', () => undefined);
  const deadline = performance.now() + CANCEL_MS;
  let wasRunning = false;
  try {
    await client.connect();
    const { rows } = await client.query<{ active: boolean }>(
      // With track_activities off it is 'disabled': then the query has the benefit of having run.
      `select state not like 'idle%' as active from pg_stat_activity where pid = $1`,
      [serverPid],
    );
    wasRunning = rows[0]?.active === true;
    do {
      await client.query('select pg_cancel_backend($1)', [serverPid]);
    } while (!(await Promise.race([over, sleep(CANCEL_EVERY_MS, false)])) && performance.now() < deadline);
  } catch {
    // Nothing more can be done from here: the statement's own timeout ends it.
  } finally {
    endClient(client);
  }
  return wasRunning;
}
