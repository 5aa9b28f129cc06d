import pg from 'pg';

/**
 * Executes one statement on a connection of its own.
 *
 * @param timeoutS seconds to connect, and again for the statement
 * @throws when the server does not answer in time, or refuses
 */
export async function executeOnce(url: string, sql: string, timeoutS: number): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: timeoutS * 1000,
    query_timeout: timeoutS * 1000,
  });
  // Without a listener, a connection lost between two calls would end the process. The next call reports it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end();
  }
}
