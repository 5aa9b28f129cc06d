import { ApplicationFailure } from '@temporalio/activity';
import { sweepNowUpdate } from '../../src/workflows/messages.js';
import { createHold } from '../support/hold.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import type { Story } from './stories.js';
import type { World } from './world.js';

const SLOW = { intervalS: 600 };

/** Waits until another execution of the reaper runs than the first. */
async function nextExecution(world: World): Promise<void> {
  const { client, names, handle } = world.reaper;
  await eventually('the next execution', async () => {
    const { runId } = await client.workflow.getHandle(names.reaper).describe();
    return runId !== handle.firstExecutionRunId;
  });
}

/** Paths of `jobReaper` on which something is away, late or too much, by the names of their fixtures. */
export const reaperTroubleStories: Record<string, Story> = {
  'history-limit': async (world) => {
    const { pass, letGo } = createHold();
    const { handle } = await world.start({
      policy: SLOW,
      input: { historyLimit: 40 },
      jobs: (real) => ({
        async scan(...args) {
          await pass;
          return real.scan(...args);
        },
      }),
    });
    await handle.startUpdate(sweepNowUpdate, { waitForStage: 'ACCEPTED' });
    await handle.signal('hold', { kind: 'job', value: 'j9', reason: 'r', by: 'op' });
    while ((await handle.describe()).historyLength <= 40) await handle.signal('forceSweep');
    letGo();
    await nextExecution(world);
    await world.reaper.sweepNow();
    await world.keepReaper();
  },
  'no-rest-in-time': async (world) => {
    const { pass, letGo } = createHold();
    const { handle } = await world.start({
      policy: SLOW,
      input: { continueAfterSweeps: 1 },
      jobs: (real) => ({
        async operateAll(requests) {
          await pass;
          return real.operateAll(requests);
        },
      }),
    });
    await handle.signal('pause', { by: 'op', reason: 'deploy' });
    // Past the time that it takes to give up coming to rest, and once with an update that waits for a sweep.
    for (let sweeps = 0; sweeps < 3; sweeps += 1) await world.reaper.sweepNow();
    letGo();
    await nextExecution(world);
    await world.keepReaper();
  },
  'failed-notification': async (world) => {
    await world.sql(
      `insert into reaper.notification (key, kind, reason, text, due_at)
       values ('k', 'host without probe', 'r', 't', reaper.now())`,
    );
    let attempts = 0;
    await world.start({
      policy: SLOW,
      jobs: () => ({
        settleDue() {
          attempts += 1;
          throw ApplicationFailure.nonRetryable('nobody listens');
        },
      }),
    });
    await eventually('two attempts', async () => {
      await world.reaper.sweepNow();
      return attempts >= 2;
    });
    await world.keepReaper();
  },
  'page-by-page': async (world) => {
    for (const id of ['j1', 'j2']) await insertRunningJob(world.db.admin, { id });
    await insertRunningJob(world.db.admin, { id: 'exited', exitCode: 1, exitedS: 5, host: 'host-2' });
    const cursor = { startedUs: 1, jobId: 'j1', runKey: '1' };
    let scans = 0;
    await world.start({
      policy: { ...SLOW, watchAllLimit: 0, finalizeGraceS: 600 },
      hosts: ['host-1', 'host-2'],
      jobs: (real) => ({
        async scan() {
          scans += 1;
          const found = await real.scan(null);
          const isMore = scans % 2 === 1;
          return {
            ...found,
            symptoms: { ...found.symptoms, next: isMore ? cursor : null },
            nextHost: isMore ? 'host-1' : null,
          };
        },
      }),
      probes: () => ({
        examineHost: (_host, after) =>
          Promise.resolve({ symptoms: [], unknown: 1, next: after === null ? cursor : null }),
      }),
    });
    for (let sweeps = 0; sweeps < 4; sweeps += 1) await world.reaper.sweepNow();
    await world.keepReaper();
  },
  'paused-with-symptoms': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1' });
    world.see('j1', 'dead');
    await world.sql(`select reaper.pause('r', 'op')`);
    await world.start({ policy: { ...SLOW, watchAllLimit: 0 } });
    await world.reaper.sweepNow();
    await world.sql(`select reaper.resume('op')`);
    await world.sql(`update reaper.control set policy = jsonb_set(policy, '{enabled}', 'false')`);
    await world.reaper.sweepNow();
    await world.sql(`update reaper.control set policy = jsonb_set(policy, '{enabled}', 'true')`);
    await world.reaper.sweepNow();
    await world.until(run, 'waiting', 'dead (streak 1/2)');
    await world.keepReaper();
  },
  'no-free-watch': async (world) => {
    for (const id of ['j1', 'j2']) {
      await insertRunningJob(world.db.admin, { id });
      world.see(id, 'dead');
    }
    await world.start({ policy: { ...SLOW, watchAllLimit: 0, maxWatches: 1 } });
    await world.sweepUntil('one watch', ({ watching, symptoms }) => watching === 1 && symptoms === 2);
    await world.keepReaper();
  },
  'adopted-watch-vanishes': async (world) => {
    const run = await insertRunningJob(world.db.admin, { id: 'j1' });
    const { handle, startReaperWorkflow } = await world.start({ policy: SLOW });
    await world.sweepUntil('its watch', ({ watching }) => watching === 1);
    await handle.terminate();
    await startReaperWorkflow();
    await world.sweepUntil('its watch again', ({ watching }) => watching === 1);
    await world.watch(run).terminate('gone');
    world.see('j1', 'dead');
    await world.sweepUntil('a watch of its own', ({ started }) => started === 1);
    await world.keepReaper();
  },
  'asks-orphans': async (world) => {
    await insertRunningJob(world.db.admin, { id: 'j1', exitCode: 1, exitedS: 0, startedS: 50 });
    await insertRunningJob(world.db.admin, { id: 'j2', exitCode: 1, exitedS: 0 });
    await world.start({
      policy: { ...SLOW, finalizeGraceS: 500, watchAllLimit: 0, maxWatches: 1 },
      input: { continueAfterSweeps: 1 },
    });
    await nextExecution(world);
    await world.sql(`update jobs set status = 'done' where id = 'j1'`);
    await world.sweepUntil('its place for another', ({ started }) => started === 1);
    await world.keepReaper();
  },
  'place-free': async (world) => {
    for (const id of ['j1', 'j2']) {
      await insertRunningJob(world.db.admin, { id, attempts: 2, exitCode: 1, exitedS: 60 });
    }
    const { pass, letGo } = createHold();
    await world.start({
      policy: { intervalS: 1, watchAllLimit: 0, maxWatches: 1 },
      jobs: () => ({
        async settleOwed(id) {
          await pass;
          await world.sql(`select reaper.settle_notification(${id}, 'sent')`);
        },
      }),
    });
    await eventually('both claims', async () => {
      const { rows } = await world.db.admin.query('select from reaper.ledger');
      return rows.length === 2;
    });
    letGo();
    await world.keepReaper();
  },
  'leases-without-scan': async (world) => {
    await world.sql(`select reaper.announce_lease_worker('host-1')`);
    let isAway = false;
    await world.start({
      policy: SLOW,
      jobs: (real) => ({
        async scan(...args) {
          if (isAway) throw ApplicationFailure.nonRetryable('Postgres is away');
          const found = await real.scan(...args);
          return { ...found, leaseQueue: found.leaseQueue && world.reaper.names.workflowQueue };
        },
        reclaimLeases: () => Promise.resolve({ reclaimed: 0, trouble: [] }),
      }),
    });
    await world.sweepUntil('a sweep', ({ error }) => error === null);
    isAway = true;
    await world.sweepUntil('a sweep without a scan', ({ error }) => error !== null);
    await world.keepReaper();
  },
  'messages-apart': async (world) => {
    const owe = (kind: string) =>
      world.sql(
        `insert into reaper.notification (key, kind, reason, text, due_at)
         values ('${kind}', '${kind}', 'r', 't', reaper.now())`,
      );
    const { pass, letGo } = createHold();
    const settled: string[] = [];
    await owe('survivor');
    await world.start({
      policy: SLOW,
      jobs: () => ({
        async settleDue(kind) {
          if (kind === 'survivor') await pass;
          settled.push(kind);
          await world.sql(
            `select reaper.settle_notification(id, 'sent') from reaper.notification where kind = '${kind}'`,
          );
          // One of them has to be retried.
          return kind === 'survivor' ? [] : [2];
        },
      }),
    });
    await world.reaper.sweepNow();
    await owe('host without probe');
    await world.reaper.sweepNow();
    await eventually('the one behind that hangs', () => settled.includes('host without probe'));
    letGo();
    await eventually('the first one', () => settled.includes('survivor'));
    await world.keepReaper();
  },
};
