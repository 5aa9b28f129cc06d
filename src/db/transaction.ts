import type { Database, Queryable } from './database.js';

/** How {@link inTransaction} begins and ends. */
export interface TransactionOptions {
  /**
   * @default 'begin isolation level read committed', because a session's default may differ, and a statement that waited for a lock
   * must see what was committed meanwhile
   */
  begin?: string;
  /**
   * `sent`: the work has sent its commit along with its last statement, so its locks do not wait until this process gets its turn.
   *
   * @default 'commit'
   */
  end?: 'commit' | 'rollback' | 'sent';
}

/** Runs work in one transaction on one connection. If anything fails the connection is closed, which rolls back in any state. */
export async function inTransaction<T>(
  database: Database,
  work: (connection: Queryable) => Promise<T>,
  { begin = 'begin isolation level read committed', end = 'commit' }: TransactionOptions = {},
): Promise<T> {
  const connection = await database.connect();
  let broken: Error | undefined;
  try {
    await connection.query(begin);
    const result = await work(connection);
    if (end !== 'sent') await connection.query(end);
    return result;
  } catch (error) {
    broken = error as Error;
    throw error;
  } finally {
    connection.release(broken);
  }
}
