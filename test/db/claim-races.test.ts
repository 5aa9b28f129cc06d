import { afterEach, beforeEach, expect, it } from 'vitest';
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

/** Two claims that both wait for the job's row, and are let go together. */
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

it('the stage moves while the claim waits for the task: all is undone', async () => {
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

it("a claim that waits for somebody's task does not hold up a pause for long", async () => {
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
  // One statement outside a transaction block commits by itself, whether or not anybody reads the answer.
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
