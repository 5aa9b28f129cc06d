import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listHolds } from '../../src/db/holds.js';
import { operate } from '../../src/db/operate.js';
import { createPool } from '../../src/db/pool.js';
import { inTransaction } from '../../src/db/transaction.js';
import { freePort } from '../../servers/index.js';
import { claimRun, countLedger } from '../support/claims.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { OpenTransaction, waitsForLock } from '../support/locks.js';
import { Proxy, type Direction } from '../support/proxy.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

let db: TestDatabase;
let proxy: Proxy;

beforeEach(async () => {
  db = await createTestDatabase();
  const { hostname: host, port } = new URL(db.reaperUrl);
  proxy = await Proxy.to({ host, port: Number(port) }, await freePort());
});
afterEach(async () => {
  await proxy.cut();
  await db.drop();
});

function throughProxy(): string {
  const url = new URL(db.reaperUrl);
  url.host = `127.0.0.1:${proxy.port}`;
  return url.href;
}

it('a connection that breaks under a claim fails the claim, and does not end the process', async () => {
  const pool = createPool(throughProxy(), { applicationName: 'test broken' });
  const uncaught: Error[] = [];
  const keep = (error: Error) => void uncaught.push(error);
  process.on('uncaughtException', keep);
  try {
    const run = await insertRunningJob(db.admin, { id: 'j1' });
    const monitor = await OpenTransaction.begin(db.admin);
    await monitor.run(`select from jobs where id = 'j1' for update`);
    const failed = expect(claimRun(pool, run)).rejects.toThrow(/terminated/);
    await waitsForLock(db.admin, 'reaper.claim');
    await proxy.cut();
    await failed;
    await monitor.rollback();

    await proxy.restore();
    expect((await claimRun(pool, run)).result).toBe('won');
    expect(await countLedger(db.admin)).toBe(1);
    expect(uncaught).toEqual([]);
  } finally {
    process.off('uncaughtException', keep);
    await pool.end();
  }
});

describe.each<Direction>(['both ways', 'to the server', 'from the server'])(
  'connections that go silent %s',
  (direction) => {
    const options = { applicationName: 'test silent', statementTimeoutMs: 300, max: 3 };

    it('cost only the statement that met one, which says so, and none after it', async () => {
      const pool = createPool(throughProxy(), options);
      try {
        await Promise.all([1, 2, 3].map(() => pool.query('select pg_sleep(0.1)')));
        expect(proxy.silence(direction)).toBe(3);
        await expect(pool.query('select 1 as first')).rejects.toThrow(
          'no answer within 2.3 s to "select 1 as first", so the connection was closed',
        );
        // All others were as old, so none of them is tried.
        expect((await pool.query('select 2 as second')).rows).toEqual([{ second: 2 }]);
      } finally {
        await pool.end();
      }
    });

    it('end with the pool although the server does not answer, and waiting callers get an error', async () => {
      const pool = createPool(throughProxy(), { ...options, statementTimeoutMs: 60_000 });
      await pool.query('select 1');
      proxy.silence(direction);
      const hanging = expect(pool.query('select 2')).rejects.toThrow('terminated');
      await eventually('it to be under way', () => pool.pending.length === 1);
      expect(pool.pending[0]).toMatch(/^"select 2" on "test silent" for \d+\.\d s$/);
      await pool.end();
      await hanging;
    });
  },
);

it('a pool whose connections are all in use says so, by its name', async () => {
  const pool = createPool(db.reaperUrl, { applicationName: 'test full', max: 1 });
  const held = await pool.connect();
  try {
    await expect(pool.query('select 1')).rejects.toThrow(
      'all 1 connections of "test full" were in use for 5 s',
    );
  } finally {
    held.release();
    await pool.end();
  }
});

it('a server that accepts connections and says nothing is given up', async () => {
  const mute = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const url = new URL(db.reaperUrl);
  url.host = `127.0.0.1:${(mute.address() as AddressInfo).port}`;
  const pool = createPool(url.href, { applicationName: 'test mute' });
  await expect(pool.query('select 1')).rejects.toThrow('no answer within 5 s to "connect"');
  await pool.end();
  mute.close();
});

/** Settings of the role, the database or, behind a pooler, the previous session. */
const ODD: Record<string, string> = {
  DateStyle: 'German',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Asia/Tokyo',
  standard_conforming_strings: 'off',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  array_nulls: 'off',
  transform_null_equals: 'on',
  search_path: 'nowhere',
  default_transaction_isolation: 'serializable',
  statement_timeout: '200ms',
  lock_timeout: '1ms',
  idle_in_transaction_session_timeout: '200ms',
};

it('statements read and write texts, times and numbers the same way whatever role or database set', async () => {
  const name = new URL(db.adminUrl).pathname.slice(1);
  for (const [setting, value] of Object.entries(ODD))
    await db.admin.query(`alter database ${name} set ${setting} = ${pg.escapeLiteral(value)}`);
  const pool = createPool(db.reaperUrl, { applicationName: 'test odd' });
  const read = `select timestamptz '2026-01-02 03:04:05Z' as at, 0.1::float8 + 0.2 as sum, 'a\\b' as text,
                       interval '1 day 2 h'::text as span, array[null::text] as list, '\\x00ff'::bytea as bytes,
                       current_setting('transaction_isolation') as isolation, pg_sleep(0.3)::text as slept`;
  const right = {
    at: new Date('2026-01-02T03:04:05Z'),
    sum: 0.1 + 0.2,
    text: 'a\\b',
    span: '1 day 02:00:00',
    list: [null],
    bytes: Buffer.from([0, 255]),
    isolation: 'read committed',
    slept: '',
  };
  try {
    expect((await pool.query(read)).rows).toEqual([right]);
    expect(await inTransaction(pool, async (connection) => (await connection.query(read)).rows)).toEqual([
      right,
    ]);
    const run = await insertRunningJob(db.admin, { id: 'j1' });
    expect((await claimRun(pool, run)).result).toBe('won');
    await operate(pool, { action: 'hold', kind: 'job', value: 'j2', reason: 'r', seconds: 60, by: 'op' });
    expect(await listHolds(pool)).toMatchObject([{ value: 'j2' }]);
  } finally {
    await pool.end();
  }
});
