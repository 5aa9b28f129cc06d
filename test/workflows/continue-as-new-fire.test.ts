import { afterEach, beforeEach, expect, it } from 'vitest';
import { askUntilTaken } from '../../src/temporal/ask-until-taken.js';
import {
  sweepNowUpdate,
  type ReaperStatus,
  type SweepSummary,
  type WatchState,
} from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import { expectHealthy } from '../support/workflow-health.js';

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

/** The reaper, whichever execution is running now. */
const current = () => reaper.client.workflow.getHandle(reaper.names.reaper);

/** How many executions the reaper has had. */
async function executions(): Promise<number> {
  return (await reaper.client.workflow.count(`WorkflowId = '${reaper.names.reaper}'`)).count;
}

/** Like the command and the library: only what was accepted can be lost. */
const sweepNow = () =>
  askUntilTaken((updateId) => current().executeUpdate(sweepNowUpdate, { updateId }), 120_000);

/** Runs work for each number, so many at once. */
async function forEach(count: number, atOnce: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

it('loses none of thousands of signals and no update while it continues as new all the time', async () => {
  const REQUESTS = 450;
  reaper = await startReaper(db, { input: { continueAfterSweeps: 1 }, policy: { intervalS: 0.2 } });
  const updates: Promise<SweepSummary>[] = [];
  const fired = new AbortController();
  // Requests are written together, so that they alone would cause few sweeps.
  const sweeping = (async () => {
    while (!fired.signal.aborted || (await executions()) <= 3) await sweepNow();
  })();
  // Each request carries its number, so that a lost or repeated one shows in reaper.control_change.
  await forEach(REQUESTS, 20, async (n) => {
    const by = `op-${n}`;
    if (n % 3 === 0) await current().signal('hold', { kind: 'job', value: `job-${n}`, by, reason: 'r' });
    else if (n % 3 === 1) await current().signal('pause', { by, reason: `r-${n}` });
    else await current().signal('resume', { by });
    for (let more = 0; more < 4; more += 1) await current().signal('forceSweep');
    if (n % 50 === 0) updates.push(sweepNow());
  });
  fired.abort();
  await sweeping;
  const sweeps = await Promise.all(updates);
  expect(sweeps).toHaveLength(REQUESTS / 50);
  let written = 0;
  await eventually(
    'every request in Postgres',
    async () => {
      const { rows } = await db.admin.query<{ n: number }>(
        `select count(distinct by) as n from reaper.control_change where by like 'op-%'`,
      );
      written = rows[0]?.n ?? 0;
      return written === REQUESTS;
    },
    200_000,
  ).catch((error: unknown) => {
    throw new Error(`${written} of ${REQUESTS} requests are in Postgres`, { cause: error });
  });
  const { rows } = await db.admin.query<{ by: string; action: string }>(
    `select by, action from reaper.control_change where by like 'op-%' order by id`,
  );
  expect(rows).toHaveLength(REQUESTS);
  const actions = ['hold', 'pause', 'resume'];
  for (const { by, action } of rows) expect(action, by).toBe(actions[Number(by.slice(3)) % 3]);
  expect(await sweepNow()).toMatchObject({ error: null });
  expect(await executions()).toBeGreaterThan(3);
  await expectHealthy(reaper.client, reaper.names.reaper);
}, 400_000);

it('waits for a request that is being written before it continues as new, and carries it out once', async () => {
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  let operations = 0;
  reaper = await startReaper(db, {
    input: { continueAfterSweeps: 1 },
    jobs: (real) => ({
      async operateAll(requests) {
        operations += 1;
        await held;
        return real.operateAll(requests);
      },
    }),
  });
  await current().signal('pause', { by: 'op', reason: 'r' });
  await eventually('the write', () => operations > 0);
  const { runId } = await current().describe();
  await eventually('sweeps meanwhile', async () => {
    const { lastSweep } = await current().query<ReaperStatus>('status');
    return (lastSweep?.number ?? 0) >= 3;
  });
  expect((await current().describe()).runId).toBe(runId);
  letGo();
  await eventually('the next execution', async () => (await current().describe()).runId !== runId);
  expect(operations).toBe(1);
  const { rowCount } = await db.admin.query(`select from reaper.control_change where action = 'pause'`);
  expect(rowCount).toBe(1);
});

it('lets a reapNow that waits for its watch be answered first', async () => {
  const agent = startProcess();
  await insertRunningJob(db.admin, { id: 'j1', ...agent });
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  let isHeld = false;
  reaper = await startReaper(db, {
    input: { continueAfterSweeps: 1 },
    jobs: (real) => ({
      async observeRun(ref) {
        isHeld = true;
        await held;
        return real.observeRun(ref);
      },
    }),
  });
  await reaper.sweepNow();
  const answer = current().executeUpdate('reapNow', { args: [{ job_id: 'j1' }] });
  await eventually('the look', () => isHeld);
  letGo();
  expect(await answer).toMatchObject({
    reaped: false,
    text: expect.stringContaining('seen alive') as unknown,
  });
  const { runId } = await current().describe();
  await eventually('the next execution', async () => (await current().describe()).runId !== runId);
});

it('a watch that continues as new after every look loses no poke', async () => {
  const agent = startProcess();
  const run = await insertRunningJob(db.admin, { id: 'j1', ...agent });
  let looks = 0;
  reaper = await startReaper(db, {
    policy: { intervalS: 3_600 },
    jobs: (real) => ({
      scan: async (...args) => ({ ...(await real.scan(...args)), runs: [] }),
      async observeRun(ref) {
        looks += 1;
        return real.observeRun(ref);
      },
    }),
  });
  const { client, names, watch } = reaper;
  await client.workflow.start('watchJob', {
    workflowId: names.watchId(run),
    taskQueue: names.workflowQueue,
    args: [
      { jobId: run.jobId, runKey: run.runKey, poke: { why: 'symptom', park: true }, continueAfterLooks: 1 },
    ],
  });
  const first = (await watch(run).describe()).runId;
  await forEach(200, 5, () => watch(run).signal('poke', { why: 'look', park: true }));
  await eventually(
    'the watch at rest',
    async () => (await watch(run).query<WatchState>('watch')).phase === 'parked',
  );
  // The very last poke requires a look after it, whatever became of the earlier ones.
  const before = looks;
  await agent.kill();
  await watch(run).signal('poke', { why: 'reap', park: true });
  expect(await watch(run).result()).toMatchObject({ outcome: 'queued' });
  expect(looks).toBeGreaterThan(before);
  expect((await watch(run).describe()).runId).not.toBe(first);
});

it('carries no more requests than an input has room for, and writes all of them once Postgres is back', async () => {
  const REQUESTS = 250;
  let isAway = true;
  reaper = await startReaper(db, {
    input: { continueAfterSweeps: 2 },
    jobs: (real) => ({
      operateAll: (operations) =>
        isAway ? Promise.reject(new Error('no database')) : real.operateAll(operations),
    }),
  });
  // Each takes several kilobytes: together they are more than an input may contain.
  const text = '\u0001'.repeat(480);
  await forEach(REQUESTS, 20, (n) =>
    current().signal('hold', { kind: 'job', value: `${n}-${text}`, by: `op-${n}`, reason: text }),
  );
  await reaper.sweepNow();
  isAway = false;
  await eventually(
    'every hold',
    async () => {
      const { rows } = await db.admin.query<{ n: number }>('select count(distinct by) as n from reaper.hold');
      return rows[0]?.n === REQUESTS;
    },
    200_000,
  );
  const first = await executions();
  await eventually('it continues as new again', async () => (await executions()) > first);
  await expectHealthy(reaper.client, reaper.names.reaper);
}, 300_000);
