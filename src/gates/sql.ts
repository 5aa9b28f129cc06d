import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { untilAborted } from './aborted.js';
import { fillText } from './placeholders.js';
import { DEFAULT_TIMEOUT_S, type SqlSpec } from './spec.js';
import type { GateInput, GateResult } from './types.js';
import { shown } from './wording.js';

const CONNECT_MS = 5000;
/** Milliseconds that a cancelled query gets to end before its connection is dropped. */
const CANCEL_MS = 2000;
const CANCEL_EVERY_MS = 200;
const SERVER_MARGIN_MS = 1000;
const MAX_CONNECTIONS = 4;

/** The kind `sql`, with its connections. */
export interface SqlGate {
  /**
   * Green when the query's first value is true.
   *
   * @throws the signal's reason, once the query is over on the server too; or what Postgres said
   */
  check(spec: SqlSpec, input: GateInput, context: { signal: AbortSignal }): Promise<GateResult>;
  close(): Promise<void>;
}

/**
 * Read-only by construction: one statement (the extended protocol takes no second one, so nothing can commit first),
 * as a subquery (where only reading is grammar), in a READ ONLY transaction that is always rolled back, on a connection
 * that nobody uses again.
 */
export function createSqlGate(connectionString: string): SqlGate {
  const pool = new pg.Pool({
    connectionString,
    application_name: 'job-reaper gate',
    connectionTimeoutMillis: CONNECT_MS,
    max: MAX_CONNECTIONS,
  });
  pool.on('error', () => undefined);

  return {
    async check(spec, input, { signal }) {
      const values = (spec.params ?? []).map((value) =>
        typeof value === 'string' ? fillText(value, input) : value,
      );
      const client = await connect(pool, signal);
      try {
        const serverPid = await begin(client, (spec.timeout_s ?? DEFAULT_TIMEOUT_S) * 1000);
        const rows = firstRow(client, spec.query, values);
        await untilAborted(rows, signal).catch(async (error: unknown) => {
          if (signal.aborted) await cancel(connectionString, serverPid, rows);
          throw error;
        });
        return judge((await rows)[0], { query: spec.query, params: values });
      } finally {
        client.release(true);
      }
    },
    close: () => pool.end(),
  };
}

async function connect(pool: pg.Pool, signal: AbortSignal): Promise<pg.PoolClient> {
  signal.throwIfAborted();
  const connecting = pool.connect();
  try {
    const client = await untilAborted(connecting, signal);
    // A connection that breaks between two statements would otherwise end the process; the next statement says it.
    client.on('error', () => undefined);
    return client;
  } catch (error) {
    void connecting.then((client) => client.release(true)).catch(() => undefined);
    throw error;
  }
}

/** @returns the server's process id, which is the backend's own even behind a connection pooler */
async function begin(client: pg.PoolClient, timeoutMs: number): Promise<number> {
  // The server ends the query also when we are gone; a little later than we would, so that the answer is ours.
  const results = (await client.query(
    `begin transaction read only; set local statement_timeout = ${Math.ceil(timeoutMs) + SERVER_MARGIN_MS}; select pg_backend_pid() as pid`,
  )) as unknown as pg.QueryResult<{ pid: number }>[];
  return results[2]?.rows[0]?.pid ?? 0;
}

type Row = unknown[];

async function firstRow(client: pg.PoolClient, query: string, values: unknown[]): Promise<Row[]> {
  const statement: pg.QueryArrayConfig & { queryMode: 'extended' } = {
    // On lines of its own, so that a comment at the query's end ends there.
    text: `select * from (\n${query.replace(/[\s;]+$/, '')}\n) as gate limit 1`,
    values,
    rowMode: 'array',
    // Without values, the simple protocol would be used, which takes many statements.
    queryMode: 'extended',
  };
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.query('rollback').catch(() => undefined);
  }
}

function judge(row: Row | undefined, evidence: Record<string, unknown>): GateResult {
  if (row?.[0] === true) return { green: true, reason: 'the query says true', evidence };
  const got = row === undefined ? 'no row' : row.length === 0 ? 'a row without columns' : shown(row[0]);
  return { green: false, reason: `expected the query to say true (a boolean), got ${got}`, evidence };
}

/**
 * Cancels until the query is over, since a cancellation that comes before the query is lost. The backend is ours as
 * long as its transaction is, so that nobody else's query is hit.
 */
async function cancel(connectionString: string, serverPid: number, query: Promise<unknown>): Promise<void> {
  const over = query.then(
    () => true,
    () => true,
  );
  const deadline = performance.now() + CANCEL_MS;
  const client = new pg.Client({
    connectionString,
    application_name: 'job-reaper gate',
    connectionTimeoutMillis: CANCEL_MS,
    query_timeout: CANCEL_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    do {
      await client.query('select pg_cancel_backend($1)', [serverPid]);
    } while (!(await Promise.race([over, sleep(CANCEL_EVERY_MS, false)])) && performance.now() < deadline);
  } catch {
    // Nothing more can be done from here: the statement's own timeout ends it.
  } finally {
    await client.end();
  }
}
