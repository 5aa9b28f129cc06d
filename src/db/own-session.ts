import pg from 'pg';
import { CONNECT_MS } from './pool.js';

/** Connections to open beside the one in question, each in a transaction. */
const OTHERS = 3;
/** Transactions in a row in which the one in question has to get the same session. */
const ROUNDS = 7;

/**
 * Makes sure that a connection keeps its session on the server, with locks and settings, from one transaction to the next. A pooler in
 * transaction mode hands the session to the next client that begins a transaction.
 *
 * @param client connected, and not in a transaction
 * @throws if it does not, with what to do
 */
export async function expectOwnSession(client: pg.Client, connectionString: string): Promise<void> {
  const mine = await sessionOf(client);
  // Proof that it does: the server tells every client the id of its session, while a pooler sends an invented number.
  if ((client as unknown as { processID: number }).processID === mine) return;
  // Proof that it does not: another session. A pooler that hands out the one that was idle longest changes it each time, if it has two.
  for (let round = 1; round < ROUNDS; round += 1) await expectSession(client, mine);
  const others: pg.Client[] = [];
  const holding: pg.Client[] = [];
  try {
    while (others.length < OTHERS) {
      const other = new pg.Client({
        connectionString,
        connectionTimeoutMillis: CONNECT_MS,
        query_timeout: CONNECT_MS,
      });
      other.on('error', () => undefined);
      others.push(other);
      // Another proof that it does not: a pooler that hands out the one that was used last, or its only one, gives ours to somebody else.
      // A connection that gets no session proves nothing: the pooler may have reached its limit.
      const theirs = await beginOn(other).catch(() => null);
      if (theirs === mine) throw notOurs();
      if (theirs === null) break;
      holding.push(other);
    }
    // With those sessions taken, any other rule has to give us another one, or none. Once they are free again, it may choose.
    await expectSession(client, mine);
    for (const other of holding) {
      await Promise.race([other.query('commit').catch(() => undefined), silence()]);
      await expectSession(client, mine);
    }
  } finally {
    // A connection that waits for a session would also wait for its end.
    await Promise.all(others.map((other) => Promise.race([other.end().catch(() => undefined), silence()])));
  }
}

/** One transaction; a pooler without a free session does not answer. */
async function expectSession(client: pg.Client, mine: number): Promise<void> {
  if ((await Promise.race([sessionOf(client), silence()])) !== mine) throw notOurs();
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
    'Expected DATABASE_ADMIN_URL to give the migration its own session, got one that a pooler shares between transactions, so its locks and settings are ' +
      'lost: use the address and port of the server itself, or of a pooler in session mode',
  );
}
