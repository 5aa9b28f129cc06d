import type { Connection, Database } from '../../src/db/database.js';

/**
 * Does something in a transaction that is open meanwhile, so that others wait for its locks. Nothing of it stays unless `work`
 * commits.
 */
export async function inOpenTransaction<T>(
  pool: Database,
  work: (client: Connection) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin isolation level read committed');
    return await work(client);
  } catch (error) {
    broken = error as Error;
    throw error;
  } finally {
    // Does nothing after a commit.
    await client.query('rollback').catch((error: unknown) => (broken = error as Error));
    client.release(broken);
  }
}
