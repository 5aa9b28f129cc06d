import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/db/database.js';
import { operate } from '../../src/db/operate.js';
import type { RunRef } from '../../src/domain/types.js';
import { claimRun, countLedger } from '../support/claims.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { OpenTransaction, waitsForLock } from '../support/locks.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

let db: TestDatabase;
let run: RunRef & { runId: string };

beforeEach(async () => {
  db = await createTestDatabase();
  run = await insertRunningJob(db.admin, { id: 'j1', stage: 'development' });
});
afterEach(() => db.drop());

const advance = { fromStage: 'development', toStage: 'review', nextAgent: 'reviewer' };
const lockJob = `select from jobs where id = 'j1' for update`;
const pause = { action: 'pause', reason: 'r', by: 'op' } as const;

/** Two claims that both wait for the job's row, and are released together. */
async function claimTwice(claimers: [string, string]) {
  const monitor = await OpenTransaction.begin(db.admin);
  await monitor.run(lockJob);
  const claims = claimers.map((claimer) =>
    claimRun(db.reaper, run, { claimer, outcome: 'done', error: null, advance }),
  );
  await waitsForLock(db.admin, 'reaper.claim', 2);
  await monitor.rollback();
  return Promise.all(claims);
}

it('two claims at once: one winner, and the loser has no side effect', async () => {
  const results = await claimTwice(['watch-1', 'watch-2']);
  expect(results.map(({ result }) => result).sort()).toEqual(['lost', 'won']);
  expect(await countLedger(db.admin)).toBe(1);
  const { rows } = await db.admin.query('select count(*) as jobs from jobs');
  expect(rows).toEqual([{ jobs: 2 }]);
});

it('a first attempt still waits in the database when its retry starts: both say won, it is done once', async () => {
  const results = await claimTwice(['watch-1', 'watch-1']);
  expect(results.map(({ result }) => result)).toEqual(['won', 'won']);
  expect(await countLedger(db.admin)).toBe(1);
  const { rows } = await db.admin.query('select count(*) as jobs from jobs');
  expect(rows).toEqual([{ jobs: 2 }]);
});

it('twenty claims at once: one winner', async () => {
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, n) => claimRun(db.reaper, run, { claimer: `watch-${n}` })),
  );
  expect(results.filter(({ result }) => result === 'won')).toHaveLength(1);
  expect(await countLedger(db.admin)).toBe(1);
});

it.each([
  [
    'a late monitor finalizes',
    `update jobs set status = 'done', finished_at = reaper.now() where id = 'j1'`,
    'lost',
  ],
  [
    'the job is finished and taken again',
    `update jobs set attempts = 2, started_at = reaper.now(), pid = 99 where id = 'j1'`,
    'lost',
  ],
  ['an exit code is recorded', `update agent_runs set exit_code = 0, finished_at = reaper.now()`, 'changed'],
  ['a pid is stamped', `update jobs set pid = 99 where id = 'j1'`, 'changed'],
])('%s while the claim waits for the row: %s', async (_, sql, result) => {
  const monitor = await OpenTransaction.begin(db.admin);
  await monitor.run(lockJob);
  await monitor.run(sql);
  const claimed = claimRun(db.reaper, run);
  await waitsForLock(db.admin, 'reaper.claim');
  await monitor.commit();
  expect((await claimed).result).toBe(result);
  expect(await countLedger(db.admin)).toBe(0);
});

it('the stage moves while the claim waits for the task: everything is undone', async () => {
  const other = await OpenTransaction.begin(db.admin);
  await other.run(`update tasks set stage = 'review'`);
  const claimed = claimRun(db.reaper, run, { outcome: 'done', error: null, advance });
  await waitsForLock(db.admin, 'reaper.claim');
  await other.commit();
  expect((await claimed).result).toBe('changed');
  expect(await readJob(db.admin, 'j1')).toMatchObject({ status: 'running', finished_at: null });
  expect(await countLedger(db.admin)).toBe(0);
});

it('a pause does not wait for a claim that waits for a row, and stops it', async () => {
  const monitor = await OpenTransaction.begin(db.admin);
  await monitor.run(lockJob);
  const claimed = claimRun(db.reaper, run);
  await waitsForLock(db.admin, 'reaper.claim');
  await operate(db.reaper, pause);
  await monitor.rollback();
  expect((await claimed).result).toBe('blocked');
  expect(await readJob(db.admin, 'j1')).toMatchObject({ status: 'running' });

  await operate(db.reaper, { action: 'resume', by: 'op' });
  expect((await claimRun(db.reaper, run)).result).toBe('won');
});

it('no vacuum of its own makes claims wait for the control lock', async () => {
  const { rows } = await db.admin.query(
    `select reloptions from pg_class where oid = 'reaper.control'::regclass`,
  );
  expect(rows).toEqual([{ reloptions: ['autovacuum_enabled=false'] }]);
});

it('a claim that comes while a pause waits for another claim does not overtake the pause', async () => {
  const second = await insertRunningJob(db.admin, { id: 'j2' });
  const claimer = await OpenTransaction.begin(db.reaper);
  await claimer.run(
    `select reaper.claim('j1', $1, 'c', 'w', 'queued', 1, 'r', null, '{}', 4242, null, null)`,
    [run.runKey],
  );
  const pausing = operate(db.reaper, pause);
  await waitsForLock(db.admin, 'reaper.pause');
  const claimed = claimRun(db.reaper, second);
  await waitsForLock(db.admin, 'reaper.claim(');
  await claimer.commit();
  await pausing;
  expect((await claimed).result).toBe('blocked');
});

it.each([
  ['a hold', `select reaper.put_hold('job', 'j1', 'r', 'op', 60)`, 'reaper.put_hold'],
  ['the end of a hold', `select reaper.release_hold('job', 'j1', 'op')`, 'reaper.release_hold'],
  ['the dry run', `select reaper.set_mode('observe', 'op')`, 'reaper.set_mode'],
  ['a policy', `select reaper.publish_policy('{}', 'op')`, 'reaper.publish_policy'],
  ['a host declared gone', `select reaper.declare_host_gone('host-1', 'op')`, 'reaper.declare_host_gone'],
])('%s waits for a claim in flight', async (_, sql, name) => {
  const claimer = await OpenTransaction.begin(db.reaper);
  await claimer.run(
    `select reaper.claim('j1', $1, 'c', 'w', 'queued', 1, 'r', null, '{}', 4242, null, null)`,
    [run.runKey],
  );
  const operating = db.admin.query(sql);
  await waitsForLock(db.admin, name);
  await claimer.commit();
  await operating;
});

it.each([
  ['a pause', `select reaper.pause('r', 'op')`, 'reaper.pause'],
  ['the end of a pause', `select reaper.resume('op')`, 'reaper.resume'],
  ['the dry run', `select reaper.set_mode('observe', 'op')`, 'reaper.set_mode'],
])('%s in a longer transaction of one operator is no deadlock with one of another', async (_, sql, name) => {
  const first = await OpenTransaction.begin(db.admin);
  const second = await OpenTransaction.begin(db.admin);
  await first.run(sql);
  const waiting = second.run(sql).then(
    () => 'done',
    (error: unknown) => (error as Error).message,
  );
  await waitsForLock(db.admin, name);
  await first.run(`select reaper.put_hold('job', 'j1', 'r', 'op', 60)`);
  await first.commit();
  expect(await waiting).toBe('done');
  await second.commit();
});

it('a pause waits for a claim in flight: when it has returned, that claim is committed and no other follows', async () => {
  const second = await insertRunningJob(db.admin, { id: 'j2' });
  const claimer = await OpenTransaction.begin(db.reaper);
  await claimer.run(
    `select reaper.claim('j1', $1, 'c', 'w', 'queued', 1, 'r', null, '{}', 4242, null, null)`,
    [run.runKey],
  );
  let paused = false;
  const pausing = operate(db.reaper, pause).then(() => (paused = true));
  await waitsForLock(db.admin, 'reaper.pause');
  expect(paused).toBe(false);
  await claimer.commit();
  await pausing;
  expect(await readJob(db.admin, 'j1')).toMatchObject({ status: 'queued' });
  expect((await claimRun(db.reaper, second)).result).toBe('blocked');
});

it('a claim that waits for a locked task does not delay a pause for long', async () => {
  const other = await OpenTransaction.begin(db.admin);
  await other.run(`update tasks set stage = 'development'`);
  const claimed = claimRun(db.reaper, run, { outcome: 'done', error: null, advance });
  await waitsForLock(db.admin, 'reaper.claim');
  const pausing = operate(db.reaper, pause);
  await expect(claimed).rejects.toThrow(/lock timeout/);
  await pausing;
  await other.rollback();
  expect((await claimRun(db.reaper, run, { outcome: 'done', error: null, advance })).result).toBe('blocked');
  expect(await readJob(db.admin, 'j1')).toMatchObject({ status: 'running' });
});

it('a hold that is being set stops a claim that comes after it', async () => {
  const operator = await OpenTransaction.begin(db.reaper);
  await operator.run(`select reaper.put_hold('agent', 'developer', 'r', 'op', 60)`);
  const claimed = claimRun(db.reaper, run);
  await waitsForLock(db.admin, 'reaper.claim');
  await operator.commit();
  expect((await claimed).result).toBe('blocked');
});

it('a connection cut while the claim waits leaves nothing behind, and the retry wins', async () => {
  const monitor = await OpenTransaction.begin(db.admin);
  await monitor.run(lockJob);
  const claimed = claimRun(db.reaper, run);
  const failed = expect(claimed).rejects.toThrow();
  await waitsForLock(db.admin, 'reaper.claim');
  await db.admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query like '%reaper.claim%' and wait_event_type = 'Lock'`,
  );
  await failed;
  await monitor.rollback();
  expect(await countLedger(db.admin)).toBe(0);
  expect((await claimRun(db.reaper, run)).result).toBe('won');
});

it('an abandoned claim whose client is gone still counts once', async () => {
  const monitor = await OpenTransaction.begin(db.admin);
  await monitor.run(lockJob);
  const abandoned = await db.reaper.connect();
  // One statement outside a transaction block commits by itself, whether or not the answer is read.
  void abandoned
    .query(`select reaper.claim('j1', $1, 'watch-1', 'w', 'queued', 1, 'r', null, '{}', 4242, null, null)`, [
      run.runKey,
    ])
    .catch(() => undefined);
  await waitsForLock(db.admin, 'reaper.claim');
  abandoned.release(new Error('the worker died'));
  await monitor.rollback();
  await eventually('the abandoned claim to be committed or gone', async () => {
    const { rows } = await db.admin.query<{ n: number }>(
      `select count(*) as n from pg_stat_activity where datname = current_database() and state = 'active' and query like '%reaper.claim(%' and pid <> pg_backend_pid()`,
    );
    return rows[0]?.n === 0;
  });
  expect((await claimRun(db.reaper, run)).result).toBe('won');
  expect(await countLedger(db.admin)).toBe(1);
});

describe('a claim that says when it looked', () => {
  const now = async () => {
    const { rows } = await db.admin.query<{ ms: number }>(
      'select 1000 * extract(epoch from reaper.now())::float8 as ms',
    );
    return rows[0]?.ms ?? NaN;
  };
  /** Claims until the holder of the lock is named: on a busy machine the claim may end before that is known. */
  const busyBehind = async () => {
    let found = '';
    await eventually('the holder to be named', async () => {
      const { result, detail } = await claimRun(db.reaper, run, { lookedAtMs: await now() });
      expect(result).toBe('busy');
      found = detail;
      return found.includes(' by pid ');
    });
    return found;
  };

  it('waits for a locked row only briefly, and says who holds it', async () => {
    const psql = await OpenTransaction.begin(db.admin);
    await psql.run(`set local application_name = 'psql'`);
    await psql.run(`select from jobs where id = 'j1' for update`);
    expect(await busyBehind()).toMatch(
      /^its row is locked by pid \d+ \(app psql, user \w+\) since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
    );
    await psql.rollback();
    expect((await claimRun(db.reaper, run, { lookedAtMs: await now() })).result).toBe('won');
  });

  it('names the first in the queue, not those that wait behind it', async () => {
    const first = await OpenTransaction.begin(db.admin);
    await first.run(`set local application_name = 'the first'`);
    await first.run(`select from jobs where id = 'j1' for update`);
    const second = await OpenTransaction.begin(db.admin);
    await second.run(`set local application_name = 'the second'`);
    const waiting = second.run(`select 'the second' from jobs where id = 'j1' for update`);
    await waitsForLock(db.admin, 'the second');
    const detail = await busyBehind();
    expect(detail).toContain('app the first');
    expect(detail).not.toContain('app the second');
    await first.rollback();
    await waiting;
    await second.rollback();
  });

  it('is as brief for the control row and for other rows of the job, and undoes what it did', async () => {
    const operator = await OpenTransaction.begin(db.admin);
    await operator.run('update reaper.control set paused = false');
    expect(await busyBehind()).toContain('the control row is locked by pid');
    await operator.rollback();
    const editor = await OpenTransaction.begin(db.admin);
    await editor.run('select from tasks for update');
    expect(
      await claimRun(db.reaper, run, { lookedAtMs: await now(), outcome: 'done', error: null, advance }),
    ).toMatchObject({
      result: 'busy',
      detail: expect.stringContaining('a row that goes with it is locked') as string,
    });
    expect((await readJob(db.admin, 'j1'))['status']).toBe('running');
    expect(await countLedger(db.admin)).toBe(0);
    await editor.rollback();
  });

  it.each([
    [1, -31_000, 'changed'],
    [3, -31_000, 'changed'],
    [2, -31_000, 'won'],
    [1, 5_000, 'changed'],
    [1, -20_000, 'won'],
  ] as const)('tier %d, looked %d ms from now: %s', async (tier, offMs, result) => {
    expect((await claimRun(db.reaper, run, { tier, lookedAtMs: (await now()) + offMs })).result).toBe(result);
  });

  it('counts the wait for the row into the age of the look', async () => {
    const monitor = await OpenTransaction.begin(db.admin);
    await monitor.run(`select from jobs where id = 'j1' for update`);
    // The clock advances by a minute while the claim waits, and the monitor releases the row before the claim gives up.
    const looked = await now();
    const claimed = claimRun(db.reaper, run, { lookedAtMs: looked });
    await db.admin.query(
      `create or replace function reaper.now() returns timestamptz language sql volatile
         as $$ select pg_catalog.clock_timestamp() + interval '1 minute' $$`,
    );
    await monitor.rollback();
    // On a busy machine it may have given up before.
    expect(['changed', 'busy']).toContain((await claimed).result);
    expect(await countLedger(db.admin)).toBe(0);
  });

  it('that rests on a declaration wins only while the declaration is in force', async () => {
    const evidence = { liveness: { evidence: 'host declared gone by op' } };
    const declared = { hostGoneBy: evidence.liveness.evidence, evidence };
    const claimed = async () => claimRun(db.reaper, run, { ...declared, lookedAtMs: await now() });
    expect(await claimed()).toMatchObject({
      result: 'changed',
      detail: 'no longer stands: host declared gone by op',
    });
    await db.admin.query(`select reaper.declare_host_gone('host-1', 'op')`);
    expect((await claimed()).result).toBe('won');
  });
});

it('only the login that waits may ask who it waits for', async () => {
  const monitor = await OpenTransaction.begin(db.admin);
  await monitor.run(lockJob);
  const other = db.admin.query(`select 'other' from jobs where id = 'j1' for update`);
  await waitsForLock(db.admin, `'other'`);
  const { rows } = await db.admin.query<{ pid: number }>(
    `select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
  );
  const ask = async (pool: Database) =>
    (await pool.query<{ holder: string | null }>('select reaper.lock_holder($1) as holder', [rows[0]?.pid]))
      .rows;
  expect(await ask(db.admin)).toEqual([{ holder: expect.stringContaining('app test') as string }]);
  expect(await ask(db.reaper)).toEqual([{ holder: null }]);
  await monitor.rollback();
  await other;
});
