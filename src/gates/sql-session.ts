import type { Socket } from 'node:net';
import pg from 'pg';
import { untilAborted } from './aborted.js';
import { notAsked } from './not-asked.js';

/** Milliseconds to connect and begin the transaction. After that, the gate counts as not asked. */
const CONNECT_MS = 5000;
const SERVER_MARGIN_MS = 1000;
/** Milliseconds that a server has to close a connection. */
const GOODBYE_MS = 2000;

/** A connection for one query, in a READ ONLY transaction. */
export interface SqlSession {
  client: pg.Client;
  /** The backend's process id, also behind a connection pooler. */
  serverPid: number;
  /** Ends the connection, without waiting for it. */
  end(): void;
}

/**
 * Connects and begins a READ ONLY transaction.
 *
 * @param timeoutMs the gate's timeout: the server ends the query a little later, even if we are gone
 * @throws GateNotAsked when that fails or takes too long; or the signal's reason
 */
export async function connectSession(
  connectionString: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<SqlSession> {
  signal.throwIfAborted();
  const client = new pg.Client({
    connectionString,
    application_name: 'job-reaper gate',
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
  });
  // Without a listener, a connection that breaks between two statements would end the process. The next statement reports it.
  client.on('error', () => undefined);
  const end = () => endClient(client);
  const limit = AbortSignal.timeout(CONNECT_MS);
  try {
    await untilAborted(client.connect(), AbortSignal.any([signal, limit]));
    const serverPid = await untilAborted(begin(client, timeoutMs), AbortSignal.any([signal, limit]));
    return { client, serverPid, end };
  } catch (error) {
    end();
    signal.throwIfAborted();
    const cause = limit.aborted ? new Error(`no answer within ${CONNECT_MS / 1000} s`) : error;
    throw notAsked('expected the database of REAPER_GATE_DATABASE_URL to answer, got', cause);
  }
}

async function begin(client: pg.Client, timeoutMs: number): Promise<number> {
  const results = (await client.query(
    `begin transaction read only; set local statement_timeout = ${Math.ceil(timeoutMs) + SERVER_MARGIN_MS}; select pg_backend_pid() as pid`,
  )) as unknown as pg.QueryResult<{ pid: number }>[];
  return results[2]?.rows[0]?.pid ?? 0;
}

/** Ends a connection without waiting. If the server does not answer soon, drops it: a silent one would keep this process alive. */
export function endClient(client: pg.Client): void {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  const timer = setTimeout(() => stream.destroy(), GOODBYE_MS);
  client
    .end()
    .catch(() => undefined)
    .finally(() => clearTimeout(timer));
}
