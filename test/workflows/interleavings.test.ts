import { afterEach, beforeEach, expect, it } from 'vitest';
import type { JobActivities } from '../../src/activities/jobs.js';
import type { ClaimResult } from '../../src/db/claim.js';
import { Pipeline } from '../../src/domain/pipeline.js';
import type { RunRef } from '../../src/domain/types.js';
import type { WatchState } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

let db: TestDatabase;
let reaper: TestReaper | undefined;
let run: RunRef & { runId: string };

const pipeline = new Pipeline([
  { name: 'development', agent: 'developer', gate: null, next: 'review' },
  { name: 'review', agent: 'reviewer', gate: null, next: null },
]);

beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await reaper?.stop();
  reaper = undefined;
  await db.drop();
});

/** Starts a reaper over one job whose green exit 0 waits to be finished, with something in the way of its claim. */
async function claimWith(
  inTheWay: (
    real: JobActivities,
    attempt: number,
    ...args: Parameters<JobActivities['claim']>
  ) => Promise<ClaimResult>,
  input = {},
): Promise<TestReaper> {
  run = await insertRunningJob(db.admin, {
    id: 'j1',
    stage: 'development',
    startedS: 4_000,
    exitCode: 0,
    exitedS: 60,
  });
  let attempt = 0;
  reaper = await startReaper(db, {
    pipeline,
    input,
    jobs: (real) => ({
      claim: (...args) => {
        attempt += 1;
        return inTheWay(real, attempt, ...args);
      },
    }),
  });
  const { watch } = reaper;
  await eventually('the watch', () => watch(run).describe());
  return reaper;
}

/** Something happens between the verdict and the first claim. */
const before =
  (sql: string) =>
  async (real: JobActivities, attempt: number, ...args: Parameters<JobActivities['claim']>) => {
    if (attempt === 1) await db.admin.query(sql);
    return real.claim(...args);
  };

const jobs = async () => (await db.admin.query<object>('select count(*) as n from jobs')).rows;
const ledger = async () => (await db.admin.query<object>('select outcome, reason from reaper.ledger')).rows;
const phase = async ({ watch }: TestReaper) => (await watch(run).query<WatchState>('watch')).phase;

it('advances once when nothing is in the way', async () => {
  const { watch } = await claimWith((real, _, ...args) => real.claim(...args));
  expect(await watch(run).result()).toMatchObject({ outcome: 'done', reason: 'exit0, gate green' });
  expect(await jobs()).toEqual([{ n: 2 }]);
});

it('a late monitor finalizes between probe and claim: lost, nothing follows', async () => {
  const { watch } = await claimWith(before(`update jobs set status = 'done', finished_at = reaper.now()`));
  expect(await watch(run).result()).toMatchObject({ outcome: 'ended by itself' });
  expect(await jobs()).toEqual([{ n: 1 }]);
  expect(await ledger()).toEqual([]);
});

it('another exit code is recorded between probe and claim: changed, and observed again from zero', async () => {
  const { watch } = await claimWith(
    before(`update agent_runs set exit_code = 3, finished_at = reaper.now() - interval '1 h'`),
  );
  expect(await watch(run).result()).toMatchObject({ outcome: 'queued', reason: 'exit=3' });
  expect(await jobs()).toEqual([{ n: 1 }]);
});

it('the job is retried as a new run in between: the new run is untouched', async () => {
  const retried = `update jobs set attempts = 2, started_at = reaper.now(), pid = 77, run_id = null`;
  const { watch } = await claimWith(before(retried));
  expect(await watch(run).result()).toMatchObject({ outcome: 'ended by itself' });
  expect(await readJob(db.admin, 'j1')).toMatchObject({ status: 'running', pid: 77, attempts: 2 });
  expect(await ledger()).toEqual([]);
});

it('the stage moves between gate and claim: found already advanced', async () => {
  const { watch } = await claimWith(before(`update tasks set stage = 'review'`));
  expect(await watch(run).result()).toMatchObject({ outcome: 'done', reason: 'exit0, already advanced' });
  expect(await jobs()).toEqual([{ n: 1 }]);
});

it.each([
  ['a pause', `select reaper.pause('r', 'op')`, `select reaper.resume('op')`],
  [
    'a hold',
    `select reaper.put_hold('job', 'j1', 'r', 'op', 60)`,
    `select reaper.release_hold('job', 'j1', 'op')`,
  ],
])('%s between verdict and claim: blocked and parked, claimed when it is over', async (_, block, unblock) => {
  const harness = await claimWith(before(block));
  const isParked = () => eventually('the watch to park', async () => (await phase(harness)) === 'parked');
  await isParked();
  // The sweep that began before the block may still poke.
  await harness.sweepNow();
  await isParked();
  const parkedAt = (await harness.watch(run).describe()).historyLength;
  await harness.sweepNow();
  await harness.sweepNow();
  expect(await ledger()).toEqual([]);
  expect((await harness.watch(run).describe()).historyLength).toBe(parkedAt);
  await db.admin.query(unblock);
  expect(await harness.watch(run).result()).toMatchObject({ outcome: 'done' });
  expect(await ledger()).toHaveLength(1);
});

it('the result of a committed claim is lost: its retry wins again, with one advance', async () => {
  const { watch } = await claimWith(async (real, attempt, ...args) => {
    const result = await real.claim(...args);
    if (attempt === 1) throw new Error('the connection broke just after COMMIT');
    return result;
  });
  expect(await watch(run).result()).toMatchObject({ outcome: 'done', reason: 'exit0, gate green' });
  expect(await jobs()).toEqual([{ n: 2 }]);
  expect(await ledger()).toHaveLength(1);
});

it('a watch continued as new between a committed claim and its retry recognises its own win', async () => {
  run = await insertRunningJob(db.admin, { id: 'j1', attempts: 2, exitCode: 1, exitedS: 60 });
  const { ApplicationFailure } = await import('@temporalio/activity');
  let claims = 0;
  reaper = await startReaper(db, {
    policy: { intervalS: 3600 },
    jobs: (real) => ({
      // The first sweep must not start the watch before this test does.
      scan: async (after) => ({ ...(await real.scan(after)), runs: [], symptoms: { items: [], next: null } }),
      claim: async (...args) => {
        claims += 1;
        await real.claim(...args);
        throw ApplicationFailure.nonRetryable('every attempt lost its result');
      },
    }),
  });
  const { client, names, watch } = reaper;
  await client.workflow.start('watchJob', {
    workflowId: names.watchId(run),
    taskQueue: names.workflowQueue,
    args: [{ ...run, poke: { why: 'symptom', park: true }, continueAfterLooks: 1 }],
  });
  await eventually('the claim', () => claims > 0);
  await watch(run).signal('poke', { why: 'look', park: true });
  expect(await watch(run).result()).toMatchObject({ outcome: 'failed', reason: 'exit=1' });
  const description = await watch(run).describe();
  expect(description.raw.workflowExecutionInfo?.firstRunId).not.toBe(description.runId);
  expect(await ledger()).toHaveLength(1);
  const { rows } = await db.admin.query('select owed from reaper.notification');
  expect(rows).toEqual([{ owed: false }]);
});

it('a claim that cannot be made for a long time starts over, and is made later', async () => {
  const { ApplicationFailure } = await import('@temporalio/activity');
  const { watch } = await claimWith((real, attempt, ...args) => {
    if (attempt === 1) throw ApplicationFailure.nonRetryable('Postgres is away');
    return real.claim(...args);
  });
  await watch(run).signal('poke', { why: 'look', park: true });
  expect(await watch(run).result()).toMatchObject({ outcome: 'done' });
});

it('a notification that is still owed because its watch died after the commit is sent by a sweep', async () => {
  run = await insertRunningJob(db.admin, { id: 'j1', attempts: 2, exitCode: 1, exitedS: 60 });
  reaper = await startReaper(db);
  const { watch, sweepNow } = reaper;
  await eventually('the watch', () => watch(run).describe());
  await watch(run).result();
  await db.admin.query(
    `update reaper.notification set owed = true, settled_at = null, settled_as = null, due_at = reaper.now()`,
  );
  await sweepNow();
  await eventually('it settled', async () => {
    const { rows } = await db.admin.query<{ as: string }>(
      'select settled_as as "as" from reaper.notification',
    );
    return rows[0]?.as === 'no channel';
  });
});
