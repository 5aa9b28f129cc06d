/** How long one statement, and a transaction between two statements, may take. Milliseconds. */
export interface SessionLimits {
  statementMs: number;
  idleInTransactionMs: number;
}

/**
 * Everything that our statements and their results rely on, whatever role, database, server or a pooler's last client have set:
 * how times, intervals, numbers, strings and names are written and read.
 */
const READING = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  bytea_output: 'hex',
  extra_float_digits: '1',
  array_nulls: 'on',
  transform_null_equals: 'off',
  quote_all_identifiers: 'off',
  // Our statements name every schema; the claim runs the adapter's functions with the same path.
  search_path: 'pg_catalog, pg_temp',
  row_security: 'on',
} as const;

/** The settings of a session with these limits, by name. */
export function sessionSettings({ statementMs, idleInTransactionMs }: SessionLimits): Record<string, string> {
  return {
    ...READING,
    statement_timeout: `${statementMs}ms`,
    idle_in_transaction_session_timeout: `${idleInTransactionMs}ms`,
    lock_timeout: '0',
  };
}

/**
 * A statement that makes them hold until the end of its transaction. Not in the startup message, which a pooler refuses, nor for the
 * session, which behind a pooler is another one in the next transaction.
 */
export function setLocally(settings: Record<string, string>): string {
  const calls = Object.entries(settings).map(([name, value]) => `set_config('${name}', '${value}', true)`);
  return `select ${calls.join(', ')}`;
}
