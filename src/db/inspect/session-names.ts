import pg from 'pg';
import { CONNECT_MS } from '../pool.js';

/** What becomes of the names of sessions. */
export interface SessionNames {
  /** `kept`, or `cut`, or `lost`: another name, or none. */
  named: 'kept' | 'cut' | 'lost';
  /** `inherits`: a session that gives no name has that of the one before. */
  nameless: 'none' | 'inherits';
}

/** As long as a name with a token may be. */
const NAME = `pgboss ${'job-reaper doctor'.padEnd(56, '.')}`;
/** Transactions of both, by turns: a pooler may have several sessions on the server. */
const ROUNDS = 10;

/**
 * Connects with a name and without one, and reads in transactions by turns which names the server knows.
 *
 * @throws if there is no connection
 */
export async function tryNames(connectionString: string): Promise<SessionNames> {
  const options = { connectionString, connectionTimeoutMillis: CONNECT_MS, query_timeout: CONNECT_MS };
  const [named, nameless] = [
    new pg.Client({ ...options, application_name: NAME }),
    // Not the name that the environment gives to ours.
    new pg.Client({ ...options, application_name: '' }),
  ];
  const found: SessionNames = { named: 'kept', nameless: 'none' };
  try {
    for (const client of [named, nameless]) {
      client.on('error', () => undefined);
      await client.connect();
    }
    for (let round = 0; round < ROUNDS; round += 1) {
      const name = await nameOf(named);
      if (!name.startsWith(NAME)) found.named = name.startsWith(NAME.slice(0, 10)) ? 'cut' : 'lost';
      if ((await nameOf(nameless)).startsWith(NAME.slice(0, 10))) found.nameless = 'inherits';
    }
    return found;
  } finally {
    await Promise.allSettled([named.end(), nameless.end()]);
  }
}

async function nameOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ name: string }>("select current_setting('application_name') as name");
  return rows[0]?.name ?? '';
}
