import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { endClient } from './sql-session.js';

/** Milliseconds that a cancelled query has to end before its connection is dropped. */
const CANCEL_MS = 2000;
const CANCEL_EVERY_MS = 200;

/**
 * Cancels repeatedly until the query is over, because a cancellation that arrives before the query is lost. The backend
 * is ours as long as its transaction is open, so no other client's query is cancelled.
 *
 * @returns whether the server was still running the query. If not, its answer or the query itself was lost on the way
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
      // With track_activities off, the state is 'disabled': then assume that the query was running.
      `select state not like 'idle%' as active from pg_stat_activity where pid = $1`,
      [serverPid],
    );
    wasRunning = rows[0]?.active === true;
    do {
      await client.query('select pg_cancel_backend($1)', [serverPid]);
    } while (!(await Promise.race([over, sleep(CANCEL_EVERY_MS, false)])) && performance.now() < deadline);
  } catch {
    // Nothing more can be done from here: the statement timeout ends it.
  } finally {
    endClient(client);
  }
  return wasRunning;
}
