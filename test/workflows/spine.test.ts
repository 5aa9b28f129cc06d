import { ApplicationFailure } from '@temporalio/activity';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WatchState } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { FAST, startReaper, type TestReaper, type TestReaperOptions } from '../support/reaper.js';
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

const status = async (id: string) => (await readJob(db.admin, id))['status'];

describe('a killed job', () => {
  it('is found, proven dead twice and requeued, in one history; a live one beside it is left alone', async () => {
    const agent = startProcess();
    const other = startProcess();
    const run = await insertRunningJob(db.admin, { id: 'killed', ...agent });
    const live = await insertRunningJob(db.admin, { id: 'live', ...other });
    const { watch, sweepNow, log } = await start();
    await sweepNow();
    await agent.kill();

    const result = await watch(run).result();
    expect(result).toMatchObject({
      outcome: 'queued',
      reason: `dead pid=${agent.pid}`,
      evidence: { streak: 2, liveness: { state: 'dead' } },
    });
    expect(await status('killed')).toBe('queued');
    expect(await status('live')).toBe('running');
    expect((await watch(live).describe()).status.name).toBe('RUNNING');
    expect(log.lines).toContain(
      `job killed (developer, web, ${run.runId}, ${agent.pid}) reaped -> queued (dead pid=${agent.pid})`,
    );
  });

  it('fails when its attempts are used up, and its notification is sent', async () => {
    const run = await insertRunningJob(db.admin, { id: 'spent', attempts: 2, exitCode: 1, exitedS: 60 });
    const { watch } = await start();
    await eventually('the watch', () => watch(run).describe());
    expect(await watch(run).result()).toMatchObject({ outcome: 'failed', reason: 'exit=1' });
    const { rows } = await db.admin.query('select owed, settled_as from reaper.notification');
    expect(rows).toEqual([{ owed: false, settled_as: 'no channel' }]);
  });

  it('is left to its monitor during the grace', async () => {
    const run = await insertRunningJob(db.admin, { id: 'slow', exitCode: 0, exitedS: 0 });
    const { watch } = await start({ policy: { finalizeGraceS: 60 } });
    await eventually(
      'the watch to wait',
      async () => (await watch(run).query<WatchState>('watch')).phase === 'waiting',
    );
    await db.admin.query(`update jobs set status = 'done'`);
    expect(await watch(run).result()).toMatchObject({ outcome: 'ended by itself' });
  });
});

it("a live run is not ended by the previous run's exit code, which its launcher did not clear", async () => {
  const agent = startProcess();
  const run = await insertRunningJob(db.admin, {
    id: 'again',
    startedS: 100,
    exitCode: 0,
    exitedS: 400,
    ...agent,
  });
  const { watch, sweepNow } = await start();
  await sweepNow();
  await watch(run).signal('poke', { why: 'look', park: true });
  await eventually('a look', async () =>
    (await watch(run).query<WatchState>('watch')).story.some((line) => line.includes('seen alive')),
  );
  expect(await status('again')).toBe('running');
  await agent.kill();
  expect(await watch(run).result()).toMatchObject({ outcome: 'queued', reason: `dead pid=${agent.pid}` });
});

describe('fan-out', () => {
  async function insertSix() {
    for (let n = 1; n <= 6; n += 1) await insertRunningJob(db.admin, { id: `j${n}`, ...startProcess() });
  }

  it('by default gives six running jobs six watches, as running children of the reaper', async () => {
    await insertSix();
    const { sweepNow, openWatches } = await start();
    expect(await sweepNow()).toMatchObject({ running: 6, watching: 6, symptoms: 0 });
    expect(await openWatches()).toHaveLength(6);
  });

  it('above the limit gives one only to a run with a symptom, and none stays open', async () => {
    await insertSix();
    const victim = startProcess();
    const run = await insertRunningJob(db.admin, { id: 'victim', ...victim });
    const { sweepNow, openWatches, watch } = await start({ policy: { watchAllLimit: 0 } });
    await sweepNow();
    expect(await openWatches()).toEqual([]);
    await victim.kill();
    await eventually('the watch', () => watch(run).describe());
    expect(await watch(run).result()).toMatchObject({ outcome: 'queued' });
    await sweepNow();
    expect(await openWatches()).toEqual([]);
  });

  it('unparks the watches when the fleet grows above the limit', async () => {
    await insertSix();
    const { sweepNow, openWatches } = await start({ policy: { watchAllLimit: 6 } });
    await sweepNow();
    expect(await openWatches()).toHaveLength(6);
    await insertRunningJob(db.admin, { id: 'j7', ...startProcess() });
    await eventually('no watch', async () => (await openWatches()).length === 0);
  });

  it('keeps no more watches open than allowed; the other symptoms wait and are all handled', async () => {
    for (let n = 0; n < 12; n += 1) {
      await insertRunningJob(db.admin, { id: `j${n}`, exitCode: 1, exitedS: 60 });
    }
    const { sweepNow } = await start({ policy: { watchAllLimit: 0, maxWatches: 3 } });
    const most: number[] = [];
    await eventually('every job requeued', async () => {
      most.push((await sweepNow()).watching);
      const { rows } = await db.admin.query(`select from jobs where status = 'running'`);
      return rows.length === 0;
    });
    expect(Math.max(...most)).toBeLessThanOrEqual(3);
  });
});

describe('a parked watch', () => {
  it('is poked when its run ended, and says that it ended by itself', async () => {
    const run = await insertRunningJob(db.admin, { id: 'j1', ...startProcess() });
    const { sweepNow, watch } = await start();
    await sweepNow();
    await db.admin.query(`update jobs set status = 'done'`);
    expect(await watch(run).result()).toMatchObject({ outcome: 'ended by itself' });
  });

  it('is started again when it was terminated', async () => {
    const agent = startProcess();
    const run = await insertRunningJob(db.admin, { id: 'j1', ...agent });
    const { sweepNow, watch } = await start();
    await sweepNow();
    await watch(run).terminate();
    await agent.kill();
    await eventually('the job requeued', async () => (await status('j1')) === 'queued');
  });

  it('is adopted by the next reaper when the reaper was terminated', async () => {
    const agent = startProcess();
    const run = await insertRunningJob(db.admin, { id: 'j1', ...agent });
    const { sweepNow, watch, handle, startReaperWorkflow } = await start({ policy: { intervalS: 60 } });
    await sweepNow();
    const { runId } = await watch(run).describe();
    await handle.terminate();
    await startReaperWorkflow();
    await eventually('a sweep that finds it', async () => (await sweepNow()).watching === 1);
    await agent.kill();
    await sweepNow();
    await eventually(
      'the watch to see it',
      async () => (await watch(run).query<WatchState>('watch')).streak === 1,
    );
    expect((await watch(run).describe()).runId).toBe(runId);
  });
});

describe('a run over its ceiling', () => {
  const policy = { ...FAST, maxRunningS: 100 };

  it('is alerted once and left alone while it is proven alive', async () => {
    await insertRunningJob(db.admin, { id: 'late', startedS: 100, ...startProcess() });
    const { sweepNow, log } = await start({ policy });
    await eventually('the alert', () =>
      log.lines.some((line) => line.includes('proven alive but over its ceiling')),
    );
    await sweepNow();
    await sweepNow();
    expect(log.lines.filter((line) => line.includes('over its ceiling'))).toHaveLength(1);
    expect(await status('late')).toBe('running');
  });

  it('is left alone, with an alert, when its probe does not answer after it was proven alive', async () => {
    const run = await insertRunningJob(db.admin, { id: 'late', startedS: 100, ...startProcess() });
    let isSilent = false;
    const { watch, log } = await start({
      policy,
      probes: (real) => ({
        probeRun(...args) {
          if (isSilent) throw ApplicationFailure.nonRetryable('the probe is restarting');
          return real.probeRun(...args);
        },
      }),
    });
    const isTold = (text: string) => () => log.lines.some((line) => line.includes(text));
    await eventually('the alert', isTold('proven alive but over its ceiling'));
    isSilent = true;
    for (let looks = 0; looks < 3; looks += 1) {
      await watch(run).signal('poke', { why: 'look', park: true });
      await eventually('the alert that it is unknown', isTold('it is unknown whether it is alive'));
      await eventually('a rest', async () => {
        const { phase } = await watch(run).query<WatchState>('watch');
        return phase === 'parked';
      });
    }
    expect(await status('late')).toBe('running');
    expect(log.lines.filter((line) => line.includes('over its ceiling'))).toHaveLength(2);
  });

  it('is not reaped by a single look when it is stamped and its probe does not answer', async () => {
    const { pid, processIdentity } = startProcess();
    const run = await insertRunningJob(db.admin, { id: 'late', startedS: 100, pid, processIdentity });
    let looks = 0;
    const { watch } = await start({
      policy: { ...policy, deadTicks: 3 },
      probes: () => ({
        probeRun() {
          looks += 1;
          throw ApplicationFailure.nonRetryable('the probe is restarting');
        },
      }),
    });
    await eventually('the watch', () => watch(run).describe());
    expect(await watch(run).result()).toMatchObject({
      outcome: 'queued',
      reason: expect.stringMatching(/^backstop age=1\d\ds>=100s$/) as unknown,
      evidence: { unknownLooks: 3, liveness: { state: 'unknown' } },
    });
    expect(looks).toBeGreaterThanOrEqual(3);
  });

  it('is reaped at once when nothing can ever prove it alive', async () => {
    const run = await insertRunningJob(db.admin, { id: 'late', startedS: 100, host: 'elsewhere' });
    const { watch } = await start({ policy });
    await eventually('the watch', () => watch(run).describe());
    expect(await watch(run).result()).toMatchObject({
      outcome: 'queued',
      reason: expect.stringMatching(/^backstop age=1\d\ds>=100s$/) as unknown,
    });
  });
});

describe('a host without a probe', () => {
  it('is listed, its runs are unknown and stay, until an operator declares it gone', async () => {
    const run = await insertRunningJob(db.admin, { id: 'far', host: 'host-9', processIdentity: null });
    const { sweepNow, watch } = await start({ policy: { intervalS: 1 } });
    expect(await sweepNow()).toMatchObject({ hostsWithoutProbe: ['host-9'], hostsAnswered: [] });
    await sweepNow();
    expect(await status('far')).toBe('running');
    const { rows } = await db.reaper.query('select hosts_without_probe from reaper.status');
    expect(rows).toEqual([{ hosts_without_probe: ['host-9'] }]);

    await db.reaper.query(`select reaper.declare_host_gone('host-9', 'op')`);
    expect(await watch(run).result()).toMatchObject({
      outcome: 'queued',
      evidence: { liveness: { evidence: 'host declared gone by op' } },
    });
  });
});
