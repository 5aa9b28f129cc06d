import type { Database, Queryable } from './database.js';

/** How {@link inTransaction} begins and ends. */
export interface TransactionOptions {
  /**
   * @default 'begin isolation level read committed', because a session's default may be another, and a statement behind a lock has
   * to see what was committed while it waited
   */
  begin?: string;
  /** @default 'commit' */
  end?: 'commit' | 'rollback';
}

/** Runs work in one transaction on one connection, which is closed when anything fails: that rolls back, whatever its state. */
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
    await connection.query(end);
    return result;
  } catch (error) {
    broken = error as Error;
    throw error;
  } finally {
    connection.release(broken);
  }
}
