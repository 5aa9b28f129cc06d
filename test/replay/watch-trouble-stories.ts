import { ApplicationFailure } from '@temporalio/activity';
import type { RunRef } from '../../src/domain/types.js';
import { insertRunningJob } from '../support/rows.js';
import type { Story } from './stories.js';
import type { World } from './world.js';

const EXITED = { exitCode: 1, exitedS: 60 };

function gone(): never {
  throw ApplicationFailure.nonRetryable('Postgres is away');
}

/** Is away the first time it is called, and then no more. */
function goneOnce(): () => void {
  let isFirst = true;
  return () => {
    if (!isFirst) return;
    isFirst = false;
    gone();
  };
}

/** At an interval that nobody waits for: what is tried again later is not tried again before the story asks for it. */
const SLOW = { intervalS: 600 };

/** Has the watch look again at once, where it gave up after a failure. */
async function lookAgain(world: World, run: RunRef): Promise<void> {
  await world.until(run, 'parked', 'gave up: not claimed, ');
  await world.watch(run).signal('poke', { why: 'look', park: true });
}

/** A watch that nobody started: it answers no reaper. */
async function startAlone(world: World, run: RunRef, input: object): Promise<void> {
  const { client, names, handle } = await world.start({ policy: { intervalS: 600, watchAllLimit: 0 } });
  await handle.terminate();
  await client.workflow.start('watchJob', {
    workflowId: names.watchId(run),
    taskQueue: names.workflowQueue,
    args: [{ jobId: run.jobId, runKey: run.runKey, ...input }],
  });
}

/** Paths of `watchJob` on which something or somebody is away, by the names of their fixtures. */
export const watchTroubleStories: Record<string, Story> = {
  'own-claim-recognised': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', attempts: 2, ...EXITED });
    await world.start({
      jobs: (real) => ({
        async claim(...args) {
          await real.claim(...args);
          gone();
        },
      }),
    });
    await world.keepWatch(run, 'failed');
  },
  'failed-claim': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', ...EXITED });
    const pass = goneOnce();
    await world.start({
      policy: SLOW,
      jobs: (real) => ({
        async claim(...args) {
          pass();
          return real.claim(...args);
        },
      }),
    });
    await lookAgain(world, run);
    await world.keepWatch(run, 'queued');
  },
  'failed-gate': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', exitCode: 0, exitedS: 60 });
    const pass = goneOnce();
    await world.start({
      policy: SLOW,
      jobs: () => ({
        async judgeExitZero() {
          pass();
          return Promise.resolve({ kind: 'done', reason: 'exit0, no stage', advance: null, gate: null });
        },
      }),
    });
    await lookAgain(world, run);
    await world.keepWatch(run, 'done');
  },
  'failed-alert': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', startedS: 200 });
    const pass = goneOnce();
    await world.start({
      policy: { ...SLOW, maxRunningS: 100 },
      jobs: (real) => ({
        async takeBackstopAlert(...args) {
          pass();
          return real.takeBackstopAlert(...args);
        },
      }),
    });
    await lookAgain(world, run);
    await world.until(run, 'parked', 'alerted');
    await world.sql(`update jobs set status = 'done'`);
    await world.reaper.sweepNow();
    await world.keepWatch(run, 'ended by itself');
  },
  'failed-claim-nowhere-on-record': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', ...EXITED });
    const pass = goneOnce();
    await world.start({
      policy: SLOW,
      jobs: (real) => ({
        async claim(...args) {
          pass();
          return real.claim(...args);
        },
        noteClaimTrouble: gone,
      }),
    });
    await world.until(run, 'waiting', 'failed: the look');
    await world.watch(run).signal('poke', { why: 'look', park: true });
    await world.keepWatch(run, 'queued');
  },
  'locked-row': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', ...EXITED });
    await world.start({
      policy: { ...SLOW, watchAllLimit: 0 },
      jobs: () => ({
        claim: () =>
          Promise.resolve({
            result: 'busy',
            detail: 'its row is locked by pid 7',
            ledgerId: null,
            notificationId: null,
          }),
      }),
    });
    await world.keepWatch(run, 'not claimed');
  },
  'failed-notification': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', attempts: 2, ...EXITED });
    await world.start({ jobs: () => ({ settleOwed: gone }) });
    await world.keepWatch(run, 'failed');
  },
  'probe-away': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', host: 'host-9' });
    await startAlone(world, run, { poke: { why: 'symptom', park: true } });
    await world.until(run, 'parked', 'seen unknown: the probe');
    await world.sql(`update jobs set status = 'done'`);
    await world.watch(run).signal('poke', { why: 'look', park: true });
    await world.keepWatch(run, 'ended by itself');
  },
  'gone-host-answers': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1' });
    await world.sql(`select reaper.declare_host_gone('host-1', 'op')`);
    await startAlone(world, run, { poke: { why: 'symptom', park: true } });
    await world.until(run, 'parked', 'seen alive');
    await world.sql(`update jobs set status = 'done'`);
    await world.watch(run).signal('poke', { why: 'look', park: true });
    await world.keepWatch(run, 'ended by itself');
  },
  'backstop-reaped-alive': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', startedS: 200 });
    await world.start({ policy: { maxRunningS: 100, backstopAlive: 'reap' } });
    await world.keepWatch(run, 'queued');
  },
  'nothing-to-do-while-paused': async (world) => {
    await world.sql(`select reaper.pause('r', 'op')`);
    const run = await insertRunningJob(world.db.admin, { id: 'j1', ...EXITED });
    await startAlone(world, run, { poke: { why: 'symptom', park: false } });
    await world.keepWatch(run, 'nothing to do');
  },
  'reaped-for-nobody': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1' });
    world.see('j1', 'dead');
    await startAlone(world, run, { poke: { why: 'reap', park: true } });
    await world.keepWatch(run, 'queued');
  },
  'reaped-for-a-reaper-that-is-gone': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1' });
    const { handle } = await world.start({ policy: { intervalS: 600 } });
    await world.sweepUntil('its watch', ({ watching }) => watching === 1);
    await handle.terminate();
    world.see('j1', 'dead');
    await world.watch(run).signal('poke', { why: 'reap', park: true });
    await world.keepWatch(run, 'queued');
  },
  'continued-as-new-while-parked': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1' });
    await startAlone(world, run, { poke: { why: 'symptom', park: true }, continueAfterLooks: 1 });
    await world.until(run, 'parked', 'seen alive');
    world.see('j1', 'dead');
    await world.watch(run).signal('poke', { why: 'reap', park: true });
    await world.keepWatch(run, 'queued');
  },
};
