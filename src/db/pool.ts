import pg from 'pg';

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
  /** @default 10 */
  max?: number;
}

/** A pool whose bigints are numbers, and which survives the server going away. */
export function createPool(connectionString: string, options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    application_name: options.applicationName,
    max: options.max ?? 10,
    statement_timeout: options.statementTimeoutMs ?? 10_000,
    idle_in_transaction_session_timeout: 30_000,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    types: {
      // Ids, counts and seconds: all below 2^53.
      getTypeParser: (id, format): unknown =>
        id === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(id, format),
    },
  });
  // A connection that breaks is replaced on the next use. Without listeners it would end the process: the pool listens to
  // idle ones only, so each that is handed out needs one of its own. Its query, or its next one, fails with the reason.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
