import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { explainPostgresError, whereIs } from '../../src/db/explain-error.js';
import { PoolBusyError, SilentConnectionError } from '../../src/db/pool-errors.js';

const URL = 'postgres://app:hunter2@db.example:6432/jobs';

function told(code: string, message: string): Error {
  return Object.assign(new pg.DatabaseError(message, 0, 'error'), { code });
}
function network(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

describe('why Postgres cannot be used', () => {
  it.each([
    [told('28P01', 'password authentication failed for user "app"'), 'not let in', 'correct DATABASE_URL'],
    [told('3D000', 'database "jobs" does not exist'), 'not let in', 'correct the database in DATABASE_URL'],
    [told('42P01', 'relation "reaper.control" does not exist'), 'schema', 'run job-reaper migrate'],
    [told('25006', 'cannot execute UPDATE in a read-only transaction'), 'read-only', 'a standby'],
    [told('53300', 'sorry, too many clients already'), 'full', 'raise max_connections'],
    [told('57P03', 'the database system is starting up'), 'away', 'wait for it'],
    [told('42501', 'permission denied for schema reaper'), 'not allowed', 'a member of role reaper'],
    [told('08P01', 'unsupported startup parameter: x'), 'refused', 'a pooler'],
    [
      network('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'),
      'certificate',
      'sslrootcert=',
    ],
    [
      network('ECONNREFUSED', 'connect ECONNREFUSED 10.0.0.1:6432'),
      'away',
      'start it, or correct DATABASE_URL',
    ],
    [new SilentConnectionError(12_000, 'select 1'), 'away', 'no answer within 12 s to "select 1"'],
    [
      new PoolBusyError('job-reaper worker claims', 4, 5_000),
      'busy',
      'pg_stat_activity for job-reaper worker claims',
    ],
  ])('%s is %s', (error, kind, words) => {
    const trouble = explainPostgresError(error, URL, 'DATABASE_URL');
    expect(trouble.kind).toBe(kind);
    expect(trouble.sentence).toContain(words);
    expect(trouble.sentence).toContain('at db.example:6432/jobs');
    expect(trouble.sentence).not.toContain('hunter2');
  });
});

it.each([
  ['postgres://u:p@h/d', 'h/d'],
  ['postgres://u:p@h:1/d?password=secret', 'h:1/d'],
  ['postgres:///d?host=/run/postgresql&password=secret', 'the local socket/d'],
  ['postgres://u:p@/d', 'the local socket/d'],
  ['postgres://u:p@h:99999/d', 'the configured address'],
])('%s is said to be at %s', (url, where) => {
  expect(whereIs(url)).toBe(where);
});
