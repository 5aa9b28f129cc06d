import { setTimeout } from 'node:timers/promises';
import type { Queryable } from '../database.js';

/** The lock was not free in time, or the wait was a deadlock: dropping a trigger locks a table's partitions before the table. */
const RETRIED: readonly unknown[] = ['55P03', '40P01'];
/** How long one try waits for a lock on the queue's table: the queue's own statements wait behind it. */
const WAIT_MS = 250;
/** Between two tries, in which they catch up. */
const PAUSE_MS = 500;
const TRIES = 60;

/**
 * Runs SQL that needs a lock on the queue's table, in a transaction of its own: a short wait, again and again, so that it never holds up
 * the queue.
 *
 * @param client a connection of its own, not in a transaction
 * @param limit after how many tries it gives up
 * @throws what the SQL fails with; after the last try, that it could not get the lock, and what to do
 */
export async function runPatiently(client: Queryable, sql: string, limit = TRIES): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await client.query('begin');
      await client.query(`set local lock_timeout = ${WAIT_MS}`);
      await client.query(sql);
      await client.query('commit');
      return;
    } catch (error) {
      await client.query('rollback');
      if (!RETRIED.includes((error as { code?: string }).code)) throw error;
      if (tries === limit)
        throw new Error(
          `Expected a lock on the queue's tables, got "${(error as Error).message}" ${limit} times: end the transactions that hold one (pg_stat_activity lists them, the oldest xact_start first), and run this again`,
          { cause: error },
        );
      await setTimeout(PAUSE_MS);
    }
  }
}
