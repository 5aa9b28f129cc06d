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
    [
      told('53100', 'could not extend file "base/5/1259": No space left on device'),
      'full',
      "the server's disk is full",
    ],
    [
      told('53100', 'could not resize shared memory segment: No space left on device'),
      'full',
      'enlarge /dev/shm',
    ],
    [told('53200', 'out of memory'), 'full', 'the server is out of memory'],
    [told('53200', 'out of shared memory'), 'full', 'raise max_locks_per_transaction'],
    [told('53400', 'temporary file size exceeds "temp_file_limit"'), 'full', 'raise the limit'],
    [told('57014', 'canceling statement due to statement timeout'), 'late', 'pg_stat_activity'],
    [told('57014', 'canceling statement due to user request'), 'late', 'somebody canceled it'],
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
