import type { Queryable } from './database.js';

/** How long one statement, and a transaction between two statements, may take. Milliseconds. */
export interface SessionLimits {
  statementMs: number;
  idleInTransactionMs: number;
}

/**
 * All settings that our statements and their results rely on, whatever the role, the database, the server or a pooler's previous
 * client have set: how times, intervals, numbers, strings and names are written and read.
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
 * A statement that sets them until the end of its transaction. Not in the startup message, because a pooler refuses them there, and not
 * for the session, because behind a pooler the next transaction has another one.
 */
export function setLocally(settings: Record<string, string>): string {
  const calls = Object.entries(settings).map(([name, value]) => `set_config('${name}', '${value}', true)`);
  return `select ${calls.join(', ')}`;
}

/** A setting whose value on the server is not the one that we set. */
export interface LostSetting {
  name: string;
  expected: string;
  got: string;
}

/** Reads these settings back from the server and returns those that are not in effect. */
export async function findLostSettings(
  session: Queryable,
  wanted: Record<string, string>,
): Promise<LostSetting[]> {
  const { rows } = await session.query<{ name: string; setting: string }>(
    'select name, setting from pg_catalog.pg_settings where name = any ($1)',
    [Object.keys(wanted)],
  );
  const found = new Map(rows.map(({ name, setting }) => [name, setting]));
  return Object.entries(wanted)
    .map(([name, value]) => ({
      name,
      expected: value.replace(/ms$/, ''),
      got: found.get(name) ?? 'nothing',
    }))
    .filter(({ expected, got }) => expected !== got);
}
