import { ApplicationFailure } from '@temporalio/activity';
import { Pipeline } from '../../src/domain/pipeline.js';
import { insertRunningJob } from '../support/rows.js';
import type { Story } from './stories.js';

const pipeline = new Pipeline([
  { name: 'development', agent: 'developer', gate: null, next: 'review' },
  { name: 'review', agent: 'reviewer', gate: null, next: null },
]);
const redPipeline = new Pipeline([
  {
    name: 'development',
    agent: 'developer',
    gate: { kind: 'command', argv: ['false'], timeout_s: 30 },
    next: null,
  },
]);
const EXITED = { startedS: 4_000, exitCode: 1, exitedS: 60 };

/** A run whose exit code waits for its claim, with something in the way of it. */
const inTheWay =
  (sql: string, outcome: string): Story =>
  async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', ...EXITED });
    let isFirst = true;
    await world.start({
      jobs: (real) => ({
        async claim(...args) {
          if (isFirst) await world.sql(sql);
          isFirst = false;
          return real.claim(...args);
        },
      }),
    });
    await world.keepWatch(run, outcome);
  };

/** A run that may not be claimed for a while, before its watch begins or between verdict and claim. */
const blocked =
  (when: 'before' | 'between', block: string, unblock: string): Story =>
  async (world) => {
    let isFirst = true;
    if (when === 'before') await world.sql(block);
    const run = await insertRunningJob(world.db.admin, { id: 'j1', ...EXITED });
    await world.start({
      jobs: (real) => ({
        async claim(...args) {
          if (when === 'between' && isFirst) await world.sql(block);
          isFirst = false;
          return real.claim(...args);
        },
      }),
    });
    await world.until(run, 'parked');
    await world.sql(unblock);
    await world.keepWatch(run, 'queued');
  };

/** Paths of `watchJob`, by the names of their fixtures. */
export const watchStories: Record<string, Story> = {
  'dead-requeued': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1' });
    world.see('j1', 'dead');
    await world.start();
    await world.keepWatch(run, 'queued');
  },
  'dead-failed-and-told': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', attempts: 2 });
    world.see('j1', 'dead');
    await world.start();
    await world.keepWatch(run, 'failed');
  },
  'dead-then-alive-again': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1' });
    world.see('j1', 'dead');
    await world.start({ policy: { intervalS: 2 } });
    await world.until(run, 'waiting', 'dead (streak 1/2)');
    world.see('j1', 'alive');
    await world.until(run, 'parked', 'seen alive');
    await world.sql(`update jobs set status = 'done'`);
    await world.keepWatch(run, 'ended by itself');
  },
  'exit-code': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', ...EXITED });
    await world.start();
    await world.keepWatch(run, 'queued');
  },
  'exit-code-within-grace': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', exitCode: 1, exitedS: 0 });
    await world.start({ policy: { finalizeGraceS: 3 } });
    await world.keepWatch(run, 'queued');
  },
  'exit-zero-green': async (world) => {
    const run = await insertRunningJob(world.db.admin, {
      id: 'j1',
      stage: 'development',
      exitCode: 0,
      exitedS: 60,
    });
    await world.start({ pipeline });
    await world.keepWatch(run, 'done');
  },
  'exit-zero-red': async (world) => {
    const run = await insertRunningJob(world.db.admin, {
      id: 'j1',
      stage: 'development',
      exitCode: 0,
      exitedS: 60,
    });
    await world.start({ pipeline: redPipeline });
    await world.keepWatch(run, 'queued');
  },
  'exit-zero-no-stage': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', exitCode: 0, exitedS: 60 });
    await world.start({ pipeline });
    await world.keepWatch(run, 'done');
  },
  'backstop-reaped': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', startedS: 200 });
    world.see('j1', 'unknown');
    await world.start({ policy: { maxRunningS: 100 } });
    await world.keepWatch(run, 'queued');
  },
  'backstop-alert': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', startedS: 200 });
    await world.start({ policy: { maxRunningS: 100 } });
    await world.until(run, 'parked', 'alerted: proven alive');
    await world.sql(`update jobs set status = 'done'`);
    await world.keepWatch(run, 'ended by itself');
  },
  'defunct-collected': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1' });
    world.see('j1', 'defunct');
    await world.start({ policy: { finalizeGraceS: 600 } });
    await world.until(run, 'waiting', 'defunct');
    world.see('j1', 'dead');
    await world.keepWatch(run, 'queued');
  },
  'defunct-for-the-grace': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1' });
    world.see('j1', 'defunct');
    await world.start({ policy: { finalizeGraceS: 2 } });
    await world.keepWatch(run, 'queued');
  },
  'host-gone': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', host: 'host-9' });
    await world.start({ policy: { intervalS: 1 } });
    await world.sweepUntil(
      'a sweep without its probe',
      ({ hostsWithoutProbe }) => hostsWithoutProbe.length === 1,
    );
    await world.sql(`select reaper.declare_host_gone('host-9', 'op')`);
    await world.keepWatch(run, 'queued');
  },
  'unknown-host-ended-by-itself': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', host: null });
    await world.start();
    await world
      .watch(run)
      .describe()
      .catch(() => undefined);
    await world.sweepUntil('its watch', ({ watching }) => watching === 1);
    await world.watch(run).signal('poke', { why: 'symptom', park: true });
    await world.until(run, 'parked', 'seen unknown');
    await world.sql(`update jobs set status = 'done'`);
    await world.keepWatch(run, 'ended by itself');
  },
  'lost-to-its-monitor': inTheWay(`update jobs set status = 'done'`, 'ended by itself'),
  'lost-to-another-claimer': inTheWay(
    `with gone as (update jobs set status = 'failed')
     insert into reaper.ledger (job_id, run_key, outcome, tier, reason, evidence, claimer, workflow_id)
     select job_id, run_key, 'failed', 2, 'exit=1', '{}', 'another', 'w' from reaper.running_job`,
    'reaped by another',
  ),
  'changed-exit-code': inTheWay(
    `update agent_runs set exit_code = 3, finished_at = reaper.now() - interval '1 h'`,
    'queued',
  ),
  'changed-again-and-again': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', ...EXITED });
    let claims = 0;
    await world.start({
      policy: { intervalS: 600 },
      jobs: (real) => ({
        async claim(...args) {
          claims += 1;
          if (claims <= 3) await world.sql(`update agent_runs set exit_code = ${10 + claims}`);
          return real.claim(...args);
        },
      }),
    });
    for (let n = 0; n < 2; n += 1) {
      await world.until(run, 'parked', 'gave up: not claimed, changed: ');
      await world.watch(run).signal('poke', { why: 'look', park: true });
    }
    await world.keepWatch(run, 'queued');
  },
  paused: blocked('before', `select reaper.pause('r', 'op')`, `select reaper.resume('op')`),
  'paused-before-its-claim': blocked(
    'between',
    `select reaper.pause('r', 'op')`,
    `select reaper.resume('op')`,
  ),
  'held-before-its-claim': blocked(
    'between',
    `select reaper.put_hold('job', 'j1', 'r', 'op', 600)`,
    `select reaper.release_hold('job', 'j1', 'op')`,
  ),
  observed: async (world) => {
    await world.sql(`select reaper.set_mode('observe', 'op')`);
    const run = await insertRunningJob(world.db.admin, { id: 'j1', ...EXITED });
    await world.start();
    await world.until(run, 'parked', 'observe');
    await world.sql(`select reaper.set_mode('active', 'op')`);
    await world.keepWatch(run, 'queued');
  },
  'claim-result-lost': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', ...EXITED });
    let claims = 0;
    await world.start({
      jobs: (real) => ({
        async claim(...args) {
          const result = await real.claim(...args);
          claims += 1;
          if (claims === 1) throw new Error('the connection broke just after COMMIT');
          return result;
        },
      }),
    });
    await world.keepWatch(run, 'queued');
  },
  'failed-look': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1', ...EXITED });
    let looks = 0;
    await world.start({
      policy: { intervalS: 600 },
      jobs: (real) => ({
        observeRun(ref) {
          looks += 1;
          if (looks === 1) throw ApplicationFailure.nonRetryable('Postgres is away');
          return real.observeRun(ref);
        },
      }),
    });
    await world.until(run, 'parked', 'gave up: not claimed, the look failed: Postgres is away');
    await world.watch(run).signal('poke', { why: 'look', park: true });
    await world.keepWatch(run, 'queued');
  },
  'nothing-to-do': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1' });
    const { client, names } = await world.start({ policy: { watchAllLimit: 0 } });
    await client.workflow.start('watchJob', {
      workflowId: names.watchId(run),
      taskQueue: names.workflowQueue,
      args: [{ jobId: run.jobId, runKey: run.runKey, poke: { why: 'symptom', park: false } }],
    });
    await world.keepWatch(run, 'nothing to do');
  },
  'operator-reaps': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1' });
    const { handle } = await world.start({ policy: { intervalS: 600 } });
    await world.sweepUntil('its watch', ({ watching }) => watching === 1);
    await handle.executeUpdate('reapNow', { args: [{ job_id: 'j1' }] });
    world.see('j1', 'dead');
    await handle.executeUpdate('reapNow', { args: [{ job_id: 'j1' }] });
    await world.keepWatch(run, 'queued');
  },
  'continued-as-new': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1' });
    world.see('j1', 'dead');
    const { client, names } = await world.start({ policy: { intervalS: 600 } });
    await world.reaper.handle.terminate();
    await client.workflow
      .getHandle(names.watchId(run))
      .terminate()
      .catch(() => undefined);
    await client.workflow.start('watchJob', {
      workflowId: names.watchId(run),
      taskQueue: names.workflowQueue,
      args: [
        { jobId: run.jobId, runKey: run.runKey, poke: { why: 'symptom', park: true }, continueAfterLooks: 1 },
      ],
    });
    await world.until(run, 'waiting', 'dead (streak 1/2)');
    await world.sql(`update reaper.control set policy = jsonb_set(policy, '{intervalS}', '0.3')`);
    await world.watch(run).signal('poke', { why: 'look', park: true });
    await world.keepWatch(run, 'queued');
  },
};
