import pg from 'pg';
import type { QueryResultRow } from 'pg';
import type { Connection, Database, QueryRows } from './database.js';
import { PoolBusyError, SilentConnectionError } from './pool-errors.js';
import { findLostSettings, sessionSettings, setLocally, type LostSetting } from './session-settings.js';

/** Options of {@link createPool}. */
export interface PoolOptions {
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /**
   * Milliseconds after which the server ends a statement. Shorter than every activity's start-to-close timeout, so
   * that no abandoned attempt commits late.
   * @default 10000
   */
  statementTimeoutMs?: number;
  /** Maximum of connections. @default 10 */
  max?: number;
}

/** Time limit for getting a connection, new or reused. Milliseconds. */
export const CONNECT_MS = 5_000;
/** Milliseconds that the client waits beyond the server's limit for the server's error. */
export const CLIENT_MARGIN_MS = 2_000;
const IDLE_IN_TRANSACTION_MS = 30_000;
/** Milliseconds of silence after which the operating system checks that the server is still there. */
export const KEEPALIVE_MS = 10_000;
/** Time limit for closing connections in an orderly way, in milliseconds. */
const CLOSE_MS = 1_000;
const BEGIN = 'begin isolation level read committed';

const ignore = () => undefined;

/**
 * Connections to one database, for one purpose. Every statement runs in a transaction that begins with all settings that it relies on
 * (in the same round trip), so it works behind a pooler too. The server ends a statement at its limit. If the server stays silent, we
 * end it a little later and discard the connection, together with all that were open at that time.
 */
export class Pool implements Database {
  readonly #pool: pg.Pool;
  readonly #name: string;
  readonly #max: number;
  readonly #limitMs: number;
  readonly #wanted: Record<string, string>;
  readonly #settings: string;
  readonly #bornMs = new Map<pg.PoolClient, number>();
  /** The statements in progress, and since when. */
  readonly #pending = new Map<symbol, { statement: string; sinceMs: number }>();
  /** Connections that were opened before this moment are suspected to be silent too. */
  #suspectMs = -Infinity;

  constructor(connectionString: string, options: PoolOptions) {
    const { applicationName, statementTimeoutMs: statementMs = 10_000, max = 10 } = options;
    this.#name = applicationName;
    this.#max = max;
    this.#limitMs = statementMs + CLIENT_MARGIN_MS;
    this.#wanted = sessionSettings({ statementMs, idleInTransactionMs: IDLE_IN_TRANSACTION_MS });
    this.#settings = setLocally(this.#wanted);
    this.#pool = new pg.Pool({
      connectionString,
      application_name: applicationName,
      max,
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_MS,
      // Statements sent together do not wait for each other's results.
      pipeline: true,
      types: {
        // Ids, counts and seconds: all below 2^53.
        getTypeParser: (id, format): unknown =>
          id === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(id, format),
      },
    });
    // A broken connection is replaced on the next use. An unhandled error event would end the process, and the pool listens to idle
    // connections only: so each one gets a listener. Its current or next query fails with the reason.
    this.#pool.on('error', ignore);
    this.#pool.on('connect', (client) => {
      client.on('error', ignore);
      this.#bornMs.set(client, performance.now());
      client.once('end', () => this.#bornMs.delete(client));
    });
  }

  /** The statements in progress, in words, to say what a stop is waiting for. */
  get pending(): string[] {
    return [...this.#pending.values()].map(
      ({ statement, sinceMs }) =>
        `"${statement}" on "${this.#name}" for ${((performance.now() - sinceMs) / 1000).toFixed(1)} s`,
    );
  }

  /** Runs one statement in a transaction of its own. */
  async query<Row extends QueryResultRow = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ): Promise<QueryRows<Row>> {
    const client = await this.#acquire();
    let broken: Error | undefined;
    try {
      return await this.#run(client, text, async () => {
        // All at once. If one fails, so do those after it, and the last one rolls back.
        const sent = await Promise.allSettled([
          client.query(`${BEGIN}; ${this.#settings}`),
          client.query<Row>(text, values),
          client.query('commit'),
        ]);
        const failed = sent.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
        if (failed) throw failed.reason;
        return (sent[1] as PromiseFulfilledResult<pg.QueryResult<Row>>).value;
      });
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) broken = error as Error;
      throw error;
    } finally {
      this.#release(client, broken);
    }
  }

  /** Reads the settings back from the server; returns those not in effect. A pooler in statement mode loses them. */
  readBack(): Promise<LostSetting[]> {
    return findLostSettings(this, this.#wanted);
  }

  /**
   * One connection, for a transaction: a statement that starts with `begin` also makes the settings.
   *
   * @throws PoolBusyError if all are in use, SilentConnectionError or a network error if none can be opened
   */
  async connect(): Promise<Connection> {
    const client = await this.#acquire();
    return {
      query: (text, values) => {
        const sent = /^\s*begin\b/i.test(text) ? `${text}; ${this.#settings}` : text;
        return this.#run(client, text, () => client.query(sent, values));
      },
      release: (broken) => this.#release(client, broken),
    };
  }

  /** Closes all connections, after a short wait even those that are in use or do not answer. */
  async end(): Promise<void> {
    const closed = this.#pool.end();
    const deadline = performance.now() + CLOSE_MS;
    while (this.#bornMs.size > 0 && performance.now() < deadline)
      await new Promise((go) => setTimeout(go, 10));
    for (const client of this.#bornMs.keys()) destroy(client);
    // Code that still holds one gets an error from it, and gives it back.
    void closed.catch(ignore);
  }

  async #acquire(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await this.#pool.connect().catch((error: unknown) => {
        throw this.#explain(error as Error);
      });
      if ((this.#bornMs.get(client) ?? -Infinity) > this.#suspectMs) return client;
      this.#release(client, new Error('opened before a connection that went silent'));
    }
  }

  #explain(error: Error): Error {
    // The messages of pg-pool for a full pool, and for a server that takes too long.
    if (error.message === 'timeout exceeded when trying to connect')
      return new PoolBusyError(this.#name, this.#max, CONNECT_MS);
    if (/connection timeout|timeout expired/.test(error.message))
      return new SilentConnectionError(CONNECT_MS, 'connect');
    return error;
  }

  #release(client: pg.PoolClient, broken?: Error | boolean): void {
    // An orderly close that is never answered would keep the process alive.
    if (broken) destroy(client);
    client.release(broken);
  }

  async #run<T>(client: pg.PoolClient, text: string, work: () => Promise<T>): Promise<T> {
    const statement = shorten(text);
    const key = Symbol(statement);
    this.#pending.set(key, { statement, sinceMs: performance.now() });
    let silent: SilentConnectionError | undefined;
    const timer = setTimeout(() => {
      silent = new SilentConnectionError(this.#limitMs, statement);
      this.#suspectMs = performance.now();
      destroy(client);
    }, this.#limitMs);
    try {
      return await work();
    } catch (error) {
      throw silent ?? error;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(key);
    }
  }
}

/** Makes a {@link Pool}. It connects on first use. */
export function createPool(connectionString: string, options: PoolOptions): Pool {
  return new Pool(connectionString, options);
}

/** Closes a connection without involving the server, which may not answer. */
function destroy(client: pg.PoolClient): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } };
  connection.stream.destroy();
}

/** The start of a statement, on one line. */
function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
