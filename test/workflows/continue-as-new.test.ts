import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ReaperStatus } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { createHold } from '../support/hold.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

let db: TestDatabase;
let reaper: TestReaper;

beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await reaper.stop();
  await endProcesses();
  await db.drop();
});

const runId = async () => (await reaper.client.workflow.getHandle(reaper.names.reaper).describe()).runId;
/** The reaper, whichever execution is running now. */
const current = () => reaper.client.workflow.getHandle(reaper.names.reaper);

it('continues to number sweeps, keeps its watches and repairs their runs', async () => {
  const agent = startProcess();
  const run = await insertRunningJob(db.admin, { id: 'j1', ...agent });
  reaper = await startReaper(db, { input: { continueAfterSweeps: 1 } });
  const first = await runId();
  const before = await reaper.sweepNow();
  await eventually('several executions', async () => {
    const { lastSweep } = await current().query<ReaperStatus>('status');
    return (lastSweep?.number ?? 0) >= before.number + 5;
  });
  expect(await runId()).not.toBe(first);
  const watchRun = (await reaper.watch(run).describe()).runId;
  expect(await reaper.sweepNow()).toMatchObject({ watching: 1, started: 0, alreadyStarted: 0 });

  await agent.kill();
  expect(await reaper.watch(run).result()).toMatchObject({ outcome: 'queued' });
  expect((await db.admin.query('select workflow_id from reaper.ledger')).rows).toEqual([
    { workflow_id: reaper.names.watchId(run) },
  ]);
  expect(watchRun).toBe((await reaper.watch(run).describe()).runId);
  await eventually('the watch forgotten', async () => (await reaper.sweepNow()).watching === 0);
});

it('loses no signal and no update while it continues as new after every sweep', async () => {
  reaper = await startReaper(db, { input: { continueAfterSweeps: 1 } });
  const first = await runId();
  const holds = Array.from({ length: 40 }, (_, n) => `job-${n}`);
  const sweeps: Promise<unknown>[] = [];
  for (const value of holds) {
    await current().signal('hold', { kind: 'job', value, by: 'op', reason: 'r' });
    if (value.endsWith('0')) sweeps.push(reaper.sweepNow());
  }
  expect(await Promise.all(sweeps)).toHaveLength(4);
  await eventually('every hold', async () => {
    const { rows } = await db.admin.query<{ n: number }>('select count(*) as n from reaper.hold');
    return rows[0]?.n === holds.length;
  });
  // A signal that arrives while it continues as new has it try again, so a slow server keeps one execution for as long as they come.
  await eventually('another execution', async () => (await runId()) !== first);
});

it('carries a sweep that was asked for during the last one of its execution', async () => {
  let isUnderWay = false;
  const { pass, letGo } = createHold();
  reaper = await startReaper(db, {
    policy: { intervalS: 3_600 },
    input: { continueAfterSweeps: 1 },
    jobs: (real) => ({
      async scan(...args) {
        isUnderWay = true;
        await pass;
        return real.scan(...args);
      },
    }),
  });
  await eventually('the first sweep', () => isUnderWay);
  await current().signal('forceSweep');
  letGo();
  // The next one that is due by itself comes in an hour.
  await eventually('the second sweep', async () => {
    const { lastSweep } = await current().query<ReaperStatus>('status');
    return lastSweep?.number === 2;
  });
  expect(await runId()).not.toBe(reaper.handle.firstExecutionRunId);
});

it('carries a pause that is not in Postgres yet', async () => {
  let isAway = true;
  reaper = await startReaper(db, {
    input: { continueAfterSweeps: 1 },
    jobs: (real) => ({
      operateAll: (operations) =>
        isAway ? Promise.reject(new Error('no database')) : real.operateAll(operations),
    }),
  });
  await current().signal('pause', { by: 'op', reason: 'deploy' });
  await reaper.sweepNow();
  isAway = false;
  await insertRunningJob(db.admin, { id: 'j1', startedS: 10 });
  await eventually(
    'the pause',
    async () => (await db.admin.query('select from reaper.control where paused')).rowCount === 1,
  );
  expect(await readJob(db.admin, 'j1')).toMatchObject({ status: 'running' });
});
