import type { Connection, Database } from '../../src/db/database.js';

/**
 * Does something in one transaction. READ COMMITTED whatever the session's default is: a statement behind a lock has to
 * see what was committed while it waited.
 */
export async function inTransaction<T>(pool: Database, work: (client: Connection) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin isolation level read committed');
    const result = await work(client);
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    // The transaction's state is unknown: closing the connection ends it.
    client.release(true);
    throw error;
  }
}
