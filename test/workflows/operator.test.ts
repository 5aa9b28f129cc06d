import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReapAnswer, ReaperStatus, SweepSummary, WatchState } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper, type TestReaperOptions } from '../support/reaper.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

let db: TestDatabase;
let reaper: TestReaper | undefined;

beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await reaper?.stop();
  reaper = undefined;
  await endProcesses();
  await db.drop();
});

async function start(options?: TestReaperOptions): Promise<TestReaper> {
  reaper = await startReaper(db, options);
  return reaper;
}

const jobStatus = async (id: string) => (await readJob(db.admin, id))['status'];
const query = ({ handle }: TestReaper) => handle.query<ReaperStatus>('status');
const reapNow = ({ handle }: TestReaper, jobId: unknown) =>
  handle.executeUpdate<ReapAnswer, [unknown]>('reapNow', { args: [{ job_id: jobId }] });

describe('signals without input, as the stock CLI sends them', () => {
  it('pause: once status shows it, nothing more is claimed; resume: what waited is claimed', async () => {
    const harness = await start();
    await harness.handle.signal('pause');
    await eventually('status to show the pause', async () => (await query(harness)).status?.paused);
    expect((await query(harness)).status).toMatchObject({
      paused_by: 'a signal',
      paused_reason: 'no reason given',
    });
    await insertRunningJob(db.admin, { id: 'j1', exitCode: 1, exitedS: 60 });
    await harness.sweepNow();
    await harness.sweepNow();
    expect(await jobStatus('j1')).toBe('running');
    await harness.handle.signal('resume');
    await eventually('the job requeued', async () => (await jobStatus('j1')) === 'queued');
  });

  it('forceSweep sweeps now, but does not shorten a streak', async () => {
    const agent = startProcess();
    const run = await insertRunningJob(db.admin, { id: 'j1', ...agent });
    await agent.kill();
    const harness = await start({ policy: { intervalS: 3600 } });
    const streak = async () => (await harness.watch(run).query<WatchState>('watch')).streak;
    await eventually('a first dead observation', async () => (await streak()) === 1);
    const before = (await query(harness)).lastSweep?.number ?? 0;
    for (let n = 1; n <= 3; n += 1) {
      await harness.handle.signal('forceSweep');
      await eventually('a sweep', async () => ((await query(harness)).lastSweep?.number ?? 0) >= before + n);
    }
    expect(await streak()).toBe(1);
    expect(await jobStatus('j1')).toBe('running');
  });

  it('observe: records what it would do; activate: does it', async () => {
    const harness = await start();
    await harness.handle.signal('observe');
    await eventually('the dry run', async () => (await query(harness)).status?.mode === 'observe');
    const run = await insertRunningJob(db.admin, { id: 'j1', exitCode: 1, exitedS: 60 });
    await eventually(
      'an observation',
      async () => (await db.admin.query('select from reaper.observation')).rowCount === 1,
    );
    await harness.sweepNow();
    const parkedAt = (await harness.watch(run).describe()).historyLength;
    await harness.sweepNow();
    await harness.sweepNow();
    expect((await harness.watch(run).describe()).historyLength).toBe(parkedAt);
    expect(await jobStatus('j1')).toBe('running');

    await harness.handle.signal('activate');
    expect(await harness.watch(run).result()).toMatchObject({ outcome: 'queued' });
    await harness.sweepNow();
    const { rows } = await db.admin.query('select became from reaper.observation');
    expect(rows).toEqual([{ became: 'reaped' }]);
  });

  it('hold and release by signal; one without anything to hold is ignored', async () => {
    const harness = await start();
    await harness.handle.signal('hold');
    await harness.handle.signal('hold', { kind: 'planet', value: 'x' });
    await harness.handle.signal('hold', { kind: 'job', value: 'j1', seconds: 'long' });
    await harness.handle.signal('hold', {
      kind: 'agent',
      value: 'developer',
      by: 'op',
      reason: 'a look first',
    });
    await eventually(
      'the hold',
      async () => (await db.admin.query('select from reaper.hold')).rowCount === 1,
    );
    await insertRunningJob(db.admin, { id: 'j1', exitCode: 1, exitedS: 60 });
    await harness.sweepNow();
    await harness.sweepNow();
    expect(await jobStatus('j1')).toBe('running');
    await harness.handle.signal('release', { kind: 'agent', value: 'developer' });
    await eventually('the job requeued', async () => (await jobStatus('j1')) === 'queued');
  });

  it.each([
    ['pause', 'a text'],
    ['pause', null],
    ['pause', { reason: 7, by: ['x'] }],
    ['resume', 42],
    ['forceSweep', { any: 'thing' }],
    ['reapAnswered', null],
    ['placeFree', null],
  ])('survives %s with %j', async (signal, input) => {
    const harness = await start();
    await harness.handle.signal(signal, input);
    expect(await harness.sweepNow()).toMatchObject({ error: null });
  });
});

describe('a watch', () => {
  it.each([[null], ['a text'], [{ why: 'nonsense', park: 'maybe' }], [[]]])(
    'takes the poke %j for a look',
    async (input) => {
      const run = await insertRunningJob(db.admin, { id: 'j1', ...startProcess() });
      const harness = await start();
      await harness.sweepNow();
      await harness.watch(run).signal('poke', input);
      const story = async () => (await harness.watch(run).query<WatchState>('watch')).story;
      await eventually('a look', async () => (await story()).some((line) => line.includes('seen alive')));
    },
  );
});

describe('sweepNow', () => {
  it('returns a sweep that began after the request, with what it saw', async () => {
    const harness = await start({ policy: { intervalS: 3600 } });
    const first = await harness.sweepNow();
    await insertRunningJob(db.admin, { id: 'j1', ...startProcess() });
    const second = await harness.sweepNow();
    expect(second.number).toBeGreaterThan(first.number);
    expect(second).toMatchObject({
      running: 1,
      started: 1,
      watching: 1,
      hostsAnswered: ['host-1'],
      error: null,
    } satisfies Partial<SweepSummary>);
  });

  it('reports a sweep that failed, and the next one works', async () => {
    let fails = true;
    const harness = await start({
      policy: { intervalS: 3600 },
      jobs: (real) => ({
        scan: (after) => (fails ? Promise.reject(new Error('no database')) : real.scan(after)),
      }),
    });
    expect((await harness.sweepNow()).error).not.toBeNull();
    const { rows } = await db.admin.query<{ last_run_ts: number }>('select last_run_ts from reaper.status');
    expect(rows[0]?.last_run_ts).toBeGreaterThan(Date.now() / 1000 - 60);
    fails = false;
    expect(await harness.sweepNow()).toMatchObject({ error: null });
  });
});

describe('reapNow', () => {
  it('skips the streak of a dead run', async () => {
    const agent = startProcess();
    await insertRunningJob(db.admin, { id: 'j1', ...agent });
    const harness = await start({ policy: { intervalS: 3600 } });
    await harness.sweepNow();
    await agent.kill();
    expect(await reapNow(harness, 'j1')).toMatchObject({
      reaped: true,
      text: `queued (dead pid=${agent.pid})`,
    });
    expect(await jobStatus('j1')).toBe('queued');
  });

  it.each([
    ['a live run', {}, /seen alive/],
    ['one within its grace', { exitCode: 0 }, /recorded \d+s ago \(< grace 60s\), deferring/],
    [
      'one on a host that nobody answers for',
      { host: 'nowhere' },
      /seen unknown: the probe on host nowhere did not answer/,
    ],
  ])('is refused for %s', async (_, job, text) => {
    await insertRunningJob(db.admin, { id: 'j1', ...startProcess(), ...job });
    const harness = await start({ policy: { intervalS: 3600, watchAllLimit: 0, finalizeGraceS: 60 } });
    const answer = await reapNow(harness, 'j1');
    expect(answer.reaped).toBe(false);
    expect(answer.text).toMatch(text);
    expect(await jobStatus('j1')).toBe('running');
  });

  it('is refused while paused', async () => {
    await insertRunningJob(db.admin, { id: 'j1', exitCode: 1, exitedS: 60 });
    await db.admin.query(`select reaper.pause('deploy', 'op')`);
    const harness = await start();
    expect(await reapNow(harness, 'j1')).toMatchObject({
      reaped: false,
      text: expect.stringContaining('paused by op: deploy') as unknown,
    });
  });

  it('is refused for a row that cannot be watched', async () => {
    await insertRunningJob(db.admin, { id: 'j1', startedS: null, runId: null });
    const harness = await start();
    await expect(reapNow(harness, 'j1')).rejects.toMatchObject({
      cause: { message: 'Expected job "j1" to be one that can be watched, but its run key is null' },
    });
  });

  it.each([['j9'], [''], [null], [7], ['x'.repeat(201)]])(
    'fails for %j, which is no running job',
    async (jobId) => {
      const harness = await start();
      await expect(reapNow(harness, jobId)).rejects.toThrow();
      expect(await harness.sweepNow()).toMatchObject({ error: null });
    },
  );
});
