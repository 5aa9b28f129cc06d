import pg from 'pg';
import { shown } from '../domain/wording.js';
import { untilAborted } from './aborted.js';
import { GateNotAsked, notAsked } from './not-asked.js';
import { Places } from './places.js';
import { fillText } from './placeholders.js';
import { DEFAULT_TIMEOUT_S, type SpecOf } from './spec.js';
import { cancelQuery } from './sql-cancel.js';
import { connectSession, type SqlSession } from './sql-session.js';
import type { GateInput, GateResult } from './types.js';

/** Few connections at a time: the database is not ours. */
const MAX_CONNECTIONS = 4;
/** Milliseconds that a gate waits for a connection. Then it gives its slot to others, and is asked again later. */
const WAIT_MS = 20_000;

/** SQLSTATE classes and codes of queries that something outside ended, or that could not run just now. */
const NOT_THE_QUERY = [
  '08', // connection exception
  '40', // rolled back: a deadlock, a conflict with a standby's recovery
  '53', // insufficient resources
  '55P03', // lock not available
  '57', // operator intervention: cancelled, shutting down, starting up
  '58', // an error outside Postgres, such as its disk's
];

/** Runs something within the gate's timeout, which starts now. */
export type Timed = <T>(ask: () => Promise<T>) => Promise<T>;

/** The kind `sql`, with its connections. */
export interface SqlGate {
  /**
   * Green when the query's first value is true. The gate's timeout starts once it is connected.
   *
   * @throws GateNotAsked when the database cannot be asked, or its answer was lost; the signal's reason, once the query
   *   is over on the server too; or Postgres's error about the query
   */
  check(
    spec: SpecOf<'sql'>,
    input: GateInput,
    context: { signal: AbortSignal; timed: Timed },
  ): Promise<GateResult>;
}

/**
 * Read-only by construction: one statement (the extended protocol does not accept a second one, so nothing can commit
 * first), as a subquery (where the grammar allows only reads), in a READ ONLY transaction that is always rolled back, on
 * a connection that is never used again.
 */
export function createSqlGate(connectionString: string): SqlGate {
  const places = new Places(MAX_CONNECTIONS, 'connections for sql gates');

  return {
    async check(spec, input, { signal, timed }) {
      const values = (spec.params ?? []).map((value) =>
        typeof value === 'string' ? fillText(value, input) : value,
      );
      const leave = await places.enter(WAIT_MS, signal);
      try {
        const timeoutMs = (spec.timeout_s ?? DEFAULT_TIMEOUT_S) * 1000;
        const session = await connectSession(connectionString, timeoutMs, signal);
        try {
          return await timed(() => ask(session, spec.query, values, signal));
        } finally {
          session.end();
        }
      } finally {
        leave();
      }
    },
  };

  async function ask(
    session: SqlSession,
    query: string,
    values: unknown[],
    signal: AbortSignal,
  ): Promise<GateResult> {
    const rows = firstRow(session, query, values);
    try {
      await untilAborted(rows, signal);
    } catch (error) {
      if (!signal.aborted) throw isAboutTheQuery(error) ? error : notAsked('expected an answer, got', error);
      const wasRunning = await cancelQuery(connectionString, session.serverPid, rows);
      if (wasRunning) throw error;
      throw new GateNotAsked(
        'expected an answer, got none, and the server is not running the query: it was lost on the way',
        { cause: error },
      );
    }
    return judge((await rows)[0], { query, params: values });
  }
}

/** Whether Postgres itself rejected the query, which it would do again. */
function isAboutTheQuery(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return false;
  const { code = '' } = error;
  return code !== '' && !NOT_THE_QUERY.some((prefix) => code.startsWith(prefix));
}

type Row = unknown[];

async function firstRow({ client }: SqlSession, query: string, values: unknown[]): Promise<Row[]> {
  const statement: pg.QueryArrayConfig & { queryMode: 'extended' } = {
    // On separate lines, so that a comment at the end of the query ends there.
    text: `select * from (\n${query.replace(/[\s;]+$/, '')}\n) as gate limit 1`,
    values,
    rowMode: 'array',
    // Without values, the client would use the simple protocol, which accepts several statements.
    queryMode: 'extended',
  };
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.query('rollback').catch(() => undefined);
  }
}

function judge(row: Row | undefined, evidence: Record<string, unknown>): GateResult {
  if (row?.[0] === true) return { green: true, reason: 'the query returned true', evidence };
  const got = row === undefined ? 'no row' : row.length === 0 ? 'a row without columns' : shown(row[0]);
  return { green: false, reason: `expected the query to return true (a boolean), got ${got}`, evidence };
}
