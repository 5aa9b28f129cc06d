import pg from 'pg';
import { CliError, messageOf } from './errors.js';

/** The setting that a connection came from. */
export type UrlSetting = 'DATABASE_URL' | 'DATABASE_ADMIN_URL';

const MIGRATE = 'run job-reaper migrate --adapter <reference, minimal or a file> with DATABASE_ADMIN_URL set';

/** SQLSTATEs of a schema that is missing, or older than this program: schema, table, column, function. */
const NO_SCHEMA = ['3F000', '42P01', '42703', '42883'];
/** SQLSTATEs of a server that answers but does not let us in: credentials, database. */
const NOT_LET_IN = ['28000', '28P01', '3D000', '53300'];
const NOT_ALLOWED = '42501';

/** Whether a query failed since schema `reaper` is missing or older than this program. */
export function isSchemaMissing(error: unknown): boolean {
  return error instanceof pg.DatabaseError && NO_SCHEMA.includes(error.code ?? '');
}

/** Whether Postgres refused to declare a host or a boot gone, such as while its probe still answers; or took no boot id for one. */
export function isRefusedGone(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === 'RP002' || error.code === '22023');
}

/** Says what a failure of Postgres means and what to do next. The URL's password is never part of it. */
export function explainDatabaseError(error: unknown, url: string, setting: UrlSetting): CliError {
  if (error instanceof CliError) return error;
  const where = withoutPassword(url);
  const got = messageOf(error);
  return new CliError(sentence(), { cause: error });

  function sentence(): string {
    if (!(error instanceof pg.DatabaseError)) {
      return `Expected Postgres to answer at ${where}, got ${got}: start it, or correct ${setting}`;
    }
    if (isSchemaMissing(error)) return `Expected schema reaper at ${where}, got "${got}": ${MIGRATE}`;
    const { code = '' } = error;
    const encoding = /^conversion between UTF8 and (\w+) is not supported$/.exec(error.message)?.[1];
    if (encoding !== undefined) {
      return `Expected a UTF8 database at ${where}, got one in ${encoding}, which cannot be read as text: move it to a database that was created with ENCODING 'UTF8'`;
    }
    if (NOT_LET_IN.includes(code)) {
      return `Expected to be let in at ${where}, got "${got}": correct ${setting}`;
    }
    if (code === NOT_ALLOWED) {
      const role = setting === 'DATABASE_URL' ? 'a member of role reaper' : 'the owner of schema reaper';
      return `Expected the user of ${setting} to be ${role}, got "${got}": have an administrator grant it`;
    }
    return `Expected Postgres at ${where} to do as asked, got "${got}" (SQLSTATE ${code})`;
  }
}

function withoutPassword(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `${host === '' ? 'the local socket' : host}${pathname}`;
  } catch {
    return 'the configured address';
  }
}
