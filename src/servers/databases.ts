import pg from 'pg';

/**
 * Creates a database.
 *
 * @param adminUrl the URL of a user that may create databases
 * @param template a database to copy, to which nobody may be connected
 * @returns the URL of the new database, with the credentials of `adminUrl`
 */
export async function createDatabase(adminUrl: string, name: string, template?: string): Promise<string> {
  const from = template === undefined ? '' : ` TEMPLATE ${pg.escapeIdentifier(template)}`;
  await execute(adminUrl, `CREATE DATABASE ${pg.escapeIdentifier(name)}${from}`);
  const url = new URL(adminUrl);
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.href;
}

/** Drops a database if it exists, and ends the sessions that still use it. */
export async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  await execute(adminUrl, `DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`);
}

/**
 * Checks that a database answers.
 *
 * @throws when it does not within `timeoutS` seconds
 */
export async function checkPostgres(url: string, timeoutS: number): Promise<void> {
  await execute(url, 'SELECT 1', timeoutS);
}

async function execute(url: string, sql: string, timeoutS = 30): Promise<void> {
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
