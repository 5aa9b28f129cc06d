import type { Queryable } from '../database.js';

const DEADLOCK = '40P01';
const TRIES = 5;

/**
 * Runs work in a transaction, and again if it lost a deadlock. Replacing views takes their locks in another order than reading them does, and
 * sweeps read them all the time.
 *
 * @param client a connection of its own, not in a transaction
 * @throws what the work fails with; after the last try, the deadlock
 */
export async function afterDeadlocks<T>(client: Queryable, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      await client.query('begin isolation level read committed');
      const result = await work();
      await client.query('commit');
      return result;
    } catch (error) {
      if ((error as { code?: string }).code !== DEADLOCK || tries === TRIES) throw error;
      await client.query('rollback');
    }
  }
}
