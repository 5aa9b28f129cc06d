import pg from 'pg';
import { parse } from 'pg-connection-string';
import { messageOf, type Trouble } from '../domain/trouble.js';
import { PoolBusyError } from './pool-errors.js';

/** The setting that a connection came from. */
export type UrlSetting = 'DATABASE_URL' | 'DATABASE_ADMIN_URL';

const MIGRATE = 'run job-reaper migrate --adapter <reference, minimal or a file> with DATABASE_ADMIN_URL set';

/** SQLSTATEs of a schema that is missing, or older than this program: schema, table, column, function. */
const NO_SCHEMA = ['3F000', '42P01', '42703', '42883'];
/** Of a server that answers but does not let us in: no such user or password. */
const NOT_LET_IN = ['28000', '28P01'];
const NO_DATABASE = '3D000';
const NOT_ALLOWED = '42501';
const READ_ONLY = '25006';
/** Of a server without room: connections, memory, disk. */
const FULL = ['53300', '53400', '53200', '53100'];
/** Of one that is just starting, stopping or in recovery. */
const NOT_UP = ['57P01', '57P02', '57P03'];
/** Told by a pooler, too: of users and databases that it does not know, and of parameters that it does not pass on. */
const PROTOCOL = '08P01';
const LATE = ['57014', '55P03'];

/** OpenSSL's and Node.js' words for a certificate that no known authority has signed. */
const UNKNOWN_AUTHORITY = [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

/** Whether a query failed because schema `reaper` is missing or older than this program. */
export function isSchemaMissing(error: unknown): boolean {
  return NO_SCHEMA.includes(codeOf(error)) && error instanceof pg.DatabaseError;
}

/** Says what a failure of Postgres means and what to do next. Nothing of the URL but host, port and database is part of it. */
export function explainPostgresError(error: unknown, url: string, setting: UrlSetting): Trouble {
  const where = whereIs(url);
  const got = messageOf(error);
  const code = codeOf(error);
  const told = (kind: string, expected: string, todo: string): Trouble => ({
    kind,
    sentence: `Expected ${expected} at ${where}, got "${got}": ${todo}`,
  });
  if (error instanceof PoolBusyError)
    return {
      kind: 'busy',
      sentence: `Expected a free connection to Postgres at ${where}, got ${got}: what uses them may wait for locks, see pg_stat_activity for ${error.pool}`,
    };
  if (!(error instanceof pg.DatabaseError)) return explainNetworkError();
  if (isSchemaMissing(error)) return told('schema', 'schema reaper', MIGRATE);
  const encoding = /^conversion between UTF8 and (\w+) is not supported$/.exec(error.message)?.[1];
  if (encoding !== undefined)
    return {
      kind: 'encoding',
      sentence: `Expected a UTF8 database at ${where}, got one in ${encoding}, which cannot be read as text: move it to a database that was created with ENCODING 'UTF8'`,
    };
  if (NOT_LET_IN.includes(code)) return told('not let in', 'to be let in', `correct ${setting}`);
  if (code === NO_DATABASE) return told('not let in', 'to be let in', `correct the database in ${setting}`);
  if (code === READ_ONLY)
    return told(
      'read-only',
      'a Postgres that takes writes',
      `it is read-only (a standby, or default_transaction_read_only is on): name the primary in ${setting}, or have an administrator make it writable`,
    );
  if (FULL.includes(code))
    return told(
      'full',
      'room',
      'it has none left: close connections that nobody uses, free its disk or memory, or raise max_connections',
    );
  if (NOT_UP.includes(code))
    return told('away', 'Postgres to be up', 'it starts or stops just now: wait for it');
  if (code === PROTOCOL)
    return told(
      'refused',
      'to be let in',
      `a pooler does not know this user or database, or refuses a parameter: see its configuration, and correct ${setting}`,
    );
  if (code === NOT_ALLOWED) {
    const role = setting === 'DATABASE_URL' ? 'a member of role reaper' : 'the owner of schema reaper';
    return {
      kind: 'not allowed',
      sentence: `Expected the user of ${setting} to be ${role} at ${where}, got "${got}": have an administrator grant it`,
    };
  }
  if (LATE.includes(code))
    return told(
      'late',
      'Postgres to do as asked in time',
      'see pg_stat_activity for what is slow, or holds a lock',
    );
  return {
    kind: code,
    sentence: `Expected Postgres at ${where} to do as asked, got "${got}" (SQLSTATE ${code})`,
  };

  function explainNetworkError(): Trouble {
    if (UNKNOWN_AUTHORITY.includes(code))
      return told(
        'certificate',
        'a certificate of a known authority',
        `name the file of a private authority in ${setting}: …?sslmode=verify-full&sslrootcert=<file>`,
      );
    if (code === 'CERT_HAS_EXPIRED') return told('certificate', 'a valid certificate', 'have it renewed');
    if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
      return told(
        'certificate',
        'a certificate of this host',
        `name the host as its certificate does in ${setting}`,
      );
    if (/does not support SSL/i.test(got))
      return told(
        'certificate',
        'TLS',
        `turn TLS on there, or ask for none in ${setting}: …?sslmode=disable`,
      );
    return {
      kind: 'away',
      sentence: `Expected Postgres to answer at ${where}, got ${got}: start it, or correct ${setting}`,
    };
  }
}

/** Host, port and database of a URL: never its user or password. */
export function whereIs(url: string): string {
  try {
    const { host, port, database } = parse(url);
    // A folder of sockets, or none, which is the client's default.
    const place = !host || host.startsWith('/') ? 'the local socket' : `${host}${port ? `:${port}` : ''}`;
    return `${place}/${database ?? ''}`;
  } catch {
    return 'the configured address';
  }
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}
