import pg from 'pg';
import { CONNECT_MS } from './pool.js';

/** Connections that are opened beside the one in question, to be given its session where a pooler hands it on. */
const OTHERS = 3;

/**
 * Makes sure that a connection keeps one session of the server, with its locks and settings, from one transaction to the next. A pooler in
 * transaction mode hands the session on to whoever begins one meanwhile.
 *
 * @param client connected, and in no transaction
 * @throws with what to do where it does not
 */
export async function expectOwnSession(client: pg.Client, connectionString: string): Promise<void> {
  const mine = await sessionOf(client);
  // The server tells every client which session is its own; a pooler tells it a number that it made up.
  if ((client as unknown as { processID: number }).processID === mine) return;
  const others: pg.Client[] = [];
  try {
    while (others.length < OTHERS) {
      const other = new pg.Client({
        connectionString,
        connectionTimeoutMillis: CONNECT_MS,
        query_timeout: CONNECT_MS,
      });
      other.on('error', () => undefined);
      others.push(other);
      // One that gets no session of its own tells nothing: there is a limit to them.
      const theirs = await beginOn(other).catch(() => null);
      if (theirs === mine) throw notOurs();
      if (theirs === null) break;
    }
    if ((await Promise.race([sessionOf(client), silence()])) !== mine) throw notOurs();
  } finally {
    // One that waits for a session would wait for its goodbye as well.
    await Promise.all(others.map((other) => Promise.race([other.end().catch(() => undefined), silence()])));
  }
}

async function beginOn(client: pg.Client): Promise<number> {
  await client.connect();
  await client.query('begin');
  return sessionOf(client);
}

async function sessionOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? NaN;
}

function silence(): Promise<null> {
  return new Promise((resolve) => setTimeout(resolve, CONNECT_MS, null).unref());
}

function notOurs(): Error {
  return new Error(
    'Expected a session of our own at DATABASE_ADMIN_URL, got one that a pooler hands on between transactions, with locks and settings that a ' +
      'migration relies on: name the address and port of the server itself, or of a pooler in session mode',
  );
}
