import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { observeRun } from '../../src/db/observe-run.js';
import { readRowOddities } from '../../src/db/inspect/rows.js';
import { readSymptoms } from '../../src/db/symptoms.js';
import { DEFAULT_POLICY, type RunRef } from '../../src/domain/types.js';
import { claimRun, countLedger } from '../support/claims.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob, readJob } from '../support/rows.js';

// A launcher that requeued a job without clearing how its last run ended: the new run's row still shows that.

let db: TestDatabase;
let run: RunRef & { runId: string };
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.clean();
  run = await insertRunningJob(db.admin, { id: 'j1', startedS: 100, exitCode: 0, exitedS: 101.5 });
});

const EXIT = { run: { exitCode: 0 } };
const symptoms = async () => (await readSymptoms(db.reaper, DEFAULT_POLICY, null, 9)).items;
const record = (exitCode: number) =>
  db.admin.query('update agent_runs set exit_code = $1, finished_at = reaper.now()', [exitCode]);

describe('an exit record that is older than its run', () => {
  it('is recognised, and is no symptom, until it is written again', async () => {
    expect((await observeRun(db.reaper, run)).run).toMatchObject({ exitCode: 0, exitBeforeStart: true });
    expect(await symptoms()).toEqual([]);
    await record(0);
    expect((await observeRun(db.reaper, run)).run).toMatchObject({ exitCode: 0, exitBeforeStart: false });
    expect(await symptoms()).toMatchObject([{ jobId: 'j1', symptom: 'exit code' }]);
  });

  it('ends no run: the claim that rests on it is refused, and leaves everything as it was', async () => {
    const before = await readJob(db.admin, 'j1');
    const claimed = await claimRun(db.reaper, run, { ...EXIT, tier: 2, outcome: 'done', error: null });
    expect(claimed).toMatchObject({ result: 'changed' });
    expect(claimed.detail).toMatch(
      /^its exit record of \S+Z is older than its start at \S+Z: have the launcher clear it/,
    );
    expect([await readJob(db.admin, 'j1'), await countLedger(db.admin)]).toEqual([before, 0]);
  });

  it.each([1, 3] as const)(
    'keeps nobody from claiming a run that is dead or too old (tier %i)',
    async (tier) => {
      expect(await claimRun(db.reaper, run, { ...EXIT, tier })).toMatchObject({ result: 'won' });
    },
  );

  it.each([1, 3] as const)(
    'gives way to one of the run itself that was written meanwhile, though by the same code (tier %i)',
    async (tier) => {
      await record(0);
      expect(await claimRun(db.reaper, run, { ...EXIT, tier })).toMatchObject({
        result: 'changed',
        detail: 'its exit code 0 was recorded meanwhile',
      });
    },
  );

  it('is named by doctor', async () => {
    await insertRunningJob(db.admin, { id: 'j2', exitCode: 0, exitedS: 5 });
    expect((await readRowOddities(db.admin)).olderExits).toEqual(['j1']);
  });
});

describe('an exit record that may be of the run before', () => {
  const ALIVE = { liveness: { state: 'alive', proven: true, evidence: 'as stamped' } };
  const dead = { liveness: { state: 'dead', proven: false, evidence: 'absent' } };

  it.each<[string, string | null, string, { older: boolean; near: boolean }]>([
    ['a second older', '12:00:01', '12:00:00', { older: true, near: true }],
    [
      'a start in microseconds, a record in whole seconds',
      '12:00:00.999999',
      '12:00:00',
      { older: false, near: true },
    ],
    ['both in whole seconds', '12:00:00', '12:00:00', { older: false, near: true }],
    ['a start in whole seconds', '12:00:00', '12:00:00.999999', { older: false, near: true }],
    ['a second younger', '12:00:00', '12:00:01', { older: false, near: false }],
    ['no start', null, '12:00:00', { older: false, near: true }],
    ['a start at no time', 'infinity', '12:00:00', { older: false, near: true }],
    ['at the ends of time', '294276-12-31', '4713-01-02 BC', { older: true, near: true }],
    ['a record at no time', '12:00:00', 'infinity', { older: false, near: false }],
  ])('is told from others by a second: %s', async (_, started, finished, { older, near }) => {
    const at = (time: string | null) => (time?.startsWith('12:') ? `2026-01-01 ${time}+00` : time);
    await db.admin.query('update jobs set started_at = $1', [at(started)]);
    await db.admin.query('update agent_runs set finished_at = $1', [at(finished)]);
    const { rows } = await db.admin.query<{ runKey: string }>(
      `select run_key as "runKey" from reaper.running_job`,
    );
    run = { ...run, ...rows[0] };
    expect((await observeRun(db.reaper, run)).run).toMatchObject({
      exitBeforeStart: older,
      exitNearStart: near,
    });
    const exited = (await symptoms()).filter(({ symptom }) => symptom === 'exit code');
    expect(exited).toHaveLength(older ? 0 : 1);
    const claimTier2 = (evidence: Record<string, unknown>) =>
      claimRun(db.reaper, run, { ...EXIT, tier: 2, outcome: 'queued', evidence });
    const { result, detail } = await claimTier2(ALIVE);
    expect(result).toBe(near ? 'changed' : 'won');
    if (!near) return;
    expect(detail).toMatch(
      /^its process is alive, and its exit record of .* is not younger than its start at /,
    );
    expect(await claimTier2(dead)).toMatchObject({ result: older ? 'changed' : 'won' });
  });

  it('lets the backstop end a run that is alive where a setting says so', async () => {
    await db.admin.query('update agent_runs set finished_at = (select started_at from jobs)');
    const claimed = await claimRun(db.reaper, run, { ...EXIT, tier: 3, evidence: ALIVE });
    expect(claimed).toMatchObject({ result: 'won' });
  });

  it('lets nobody requeue a dead run as if it had not ended', async () => {
    await db.admin.query('update agent_runs set finished_at = (select started_at from jobs)');
    expect(await claimRun(db.reaper, run, { ...EXIT, tier: 1, evidence: dead })).toMatchObject({
      result: 'changed',
      detail: 'its exit code 0 was recorded meanwhile',
    });
  });
});

it.each<[string, { startedS?: number | null; exitedS: number | null }]>([
  ['younger than its run', { startedS: 100, exitedS: 50 }],
  ['of a run that does not say when it started', { startedS: null, exitedS: 50 }],
  ['without a time', { startedS: 100, exitedS: null }],
])('an exit record %s is its own', async (_, times) => {
  const own = await insertRunningJob(db.admin, { id: 'own', exitCode: 1, ...times });
  expect((await observeRun(db.reaper, own)).run).toMatchObject({ exitBeforeStart: false });
  expect(await symptoms()).toMatchObject([{ jobId: 'own' }]);
  expect(await claimRun(db.reaper, own, { run: { exitCode: 1 }, tier: 2 })).toMatchObject({ result: 'won' });
});
