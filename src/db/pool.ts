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
   * Milliseconds until the server ends a statement. Below every activity's start-to-close timeout, so that no
   * abandoned attempt commits late.
   * @default 10000
   */
  statementTimeoutMs?: number;
  /** Connections at most. @default 10 */
  max?: number;
}

/** Milliseconds within which there has to be a connection: a new one, or one that comes free. */
export const CONNECT_MS = 5_000;
/** Milliseconds after the server's limit in which its word of it may still come. */
export const CLIENT_MARGIN_MS = 2_000;
const IDLE_IN_TRANSACTION_MS = 30_000;
/** Milliseconds of silence after which the operating system asks whether the server is still there. */
export const KEEPALIVE_MS = 10_000;
/** Milliseconds that open connections get to say goodbye. */
const CLOSE_MS = 1_000;
const BEGIN = 'begin isolation level read committed';

const ignore = () => undefined;

/**
 * Connections to one database, for one purpose. Every statement runs in a transaction that begins with all settings that it relies on
 * (in the same round trip), so it works behind a pooler too. The server ends it at its limit; where no word of that comes, we do, a little
 * later, and throw the connection away, with all those that were open at that time.
 */
export class Pool implements Database {
  readonly #pool: pg.Pool;
  readonly #name: string;
  readonly #max: number;
  readonly #limitMs: number;
  readonly #wanted: Record<string, string>;
  readonly #settings: string;
  readonly #bornMs = new Map<pg.PoolClient, number>();
  /** The statements under way, and since when. */
  readonly #pending = new Map<symbol, { statement: string; sinceMs: number }>();
  /** Connections that were opened before are as silent as the one that was found so. */
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
      // What is sent at once is not held back for the answers between.
      pipeline: true,
      types: {
        // Ids, counts and seconds: all below 2^53.
        getTypeParser: (id, format): unknown =>
          id === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(id, format),
      },
    });
    // A connection that breaks is replaced on the next use. Without listeners it would end the process: the pool listens to
    // idle ones only, so each that is handed out needs one of its own. Its query, or its next one, fails with the reason.
    this.#pool.on('error', ignore);
    this.#pool.on('connect', (client) => {
      client.on('error', ignore);
      this.#bornMs.set(client, performance.now());
      client.once('end', () => this.#bornMs.delete(client));
    });
  }

  /** What is under way, in words: for whoever wonders what a stop waits for. */
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
        // All at once. When one fails, so do those behind it, and the last of them rolls back.
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

  /** Reads the settings back from the server: those that do not hold. A pooler that runs each statement by itself loses them. */
  readBack(): Promise<LostSetting[]> {
    return findLostSettings(this, this.#wanted);
  }

  /**
   * One connection, for a transaction: a statement that begins with `begin` brings the settings along.
   *
   * @throws PoolBusyError when all are in use, SilentConnectionError or what the network says when there is none
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

  /** Closes all connections. Those that are still in use, or do not answer, are closed without asking. */
  async end(): Promise<void> {
    const closed = this.#pool.end();
    const deadline = performance.now() + CLOSE_MS;
    while (this.#bornMs.size > 0 && performance.now() < deadline)
      await new Promise((go) => setTimeout(go, 10));
    for (const client of this.#bornMs.keys()) destroy(client);
    // Whoever still holds one gives it back with the error that this is to them.
    void closed.catch(ignore);
  }

  async #acquire(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await this.#pool.connect().catch((error: unknown) => {
        throw this.#explain(error as Error);
      });
      if ((this.#bornMs.get(client) ?? -Infinity) > this.#suspectMs) return client;
      this.#release(client, new Error('as old as a connection that is silent'));
    }
  }

  #explain(error: Error): Error {
    // The words of pg-pool: for a full pool, and for a server that takes too long.
    if (error.message === 'timeout exceeded when trying to connect')
      return new PoolBusyError(this.#name, this.#max, CONNECT_MS);
    if (/connection timeout|timeout expired/.test(error.message))
      return new SilentConnectionError(CONNECT_MS, 'connect');
    return error;
  }

  #release(client: pg.PoolClient, broken?: Error | boolean): void {
    // A goodbye that nobody answers would keep the process alive.
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

/** Makes a {@link Pool}. Nothing is connected before it is used. */
export function createPool(connectionString: string, options: PoolOptions): Pool {
  return new Pool(connectionString, options);
}

/** Closes a connection without asking the server, which may not answer. */
function destroy(client: pg.PoolClient): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } };
  connection.stream.destroy();
}

/** A statement's first words, on one line. */
function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
