import pg from 'pg';
import { parse } from 'pg-connection-string';
import { messageOf, type Trouble } from '../domain/trouble.js';
import { PoolBusyError } from './pool-errors.js';
import { explainServerState } from './server-state.js';

/** The setting that a connection came from. */
export type UrlSetting = 'DATABASE_URL' | 'DATABASE_ADMIN_URL';

const MIGRATE = 'run job-reaper migrate --adapter <a name, a file or a folder> with DATABASE_ADMIN_URL set';

/** SQLSTATEs for a schema that is missing or older than this program: schema, table, column, function. */
const NO_SCHEMA = ['3F000', '42P01', '42703', '42883'];
/** For a server that refuses the login: no such user, or a wrong password. */
const LOGIN_REFUSED = ['28000', '28P01'];
const NO_DATABASE = '3D000';
/** For a statement that takes a right which the user does not have. */
export const NOT_ALLOWED = '42501';
/** Also sent by poolers, for users and databases that they do not know and parameters that they do not pass on. */
const PROTOCOL = '08P01';

/** OpenSSL's and Node.js' codes for a certificate that no known authority has signed. */
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

/** Explains a failure of Postgres and what to do next. Of the URL it shows only host, port and database. */
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
      sentence: `Expected a free connection to Postgres at ${where}, got ${got}: the statements on them may be waiting for locks, see pg_stat_activity for ${error.pool}`,
    };
  if (!(error instanceof pg.DatabaseError)) return explainNetworkError();
  if (isSchemaMissing(error)) return told('schema', 'schema reaper', MIGRATE);
  const encoding = /^conversion between UTF8 and (\w+) is not supported$/.exec(error.message)?.[1];
  if (encoding !== undefined)
    return {
      kind: 'encoding',
      sentence: `Expected a UTF8 database at ${where}, got one in ${encoding}, which cannot be read as text: move the data to a database created with ENCODING 'UTF8'`,
    };
  if (LOGIN_REFUSED.includes(code)) return told('not let in', 'to connect to Postgres', `correct ${setting}`);
  if (code === NO_DATABASE)
    return told('not let in', 'to connect to Postgres', `correct the database in ${setting}`);
  const state = explainServerState(code, error.message, setting);
  if (state !== null) return told(state.kind, state.expected, state.todo);
  if (code === PROTOCOL)
    return told(
      'refused',
      'to connect to Postgres',
      `a pooler does not know this user or database, or refuses a parameter: see its configuration, and correct ${setting}`,
    );
  if (code === NOT_ALLOWED) {
    const role = setting === 'DATABASE_URL' ? 'a member of role reaper' : 'the owner of schema reaper';
    return {
      kind: 'not allowed',
      sentence: `Expected the user of ${setting} to be ${role} at ${where}, got "${got}": have an administrator grant it`,
    };
  }
  return {
    kind: code,
    sentence: `Expected Postgres at ${where} to run a statement, got "${got}" (SQLSTATE ${code})`,
  };

  function explainNetworkError(): Trouble {
    if (UNKNOWN_AUTHORITY.includes(code))
      return told(
        'certificate',
        'a certificate signed by a known authority',
        `for a private authority, name its certificate file in ${setting}: …?sslmode=verify-full&sslrootcert=<file>`,
      );
    if (code === 'CERT_HAS_EXPIRED') return told('certificate', 'a valid certificate', 'have it renewed');
    if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
      return told(
        'certificate',
        'a certificate for this host',
        `use the host name in the certificate in ${setting}`,
      );
    if (/does not support SSL/i.test(got))
      return told('certificate', 'TLS', `turn TLS on there, or turn it off in ${setting}: …?sslmode=disable`);
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
    // A socket folder, or the client's default.
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
