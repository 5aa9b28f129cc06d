import { NativeConnection, Worker } from '@temporalio/worker';
import { inject } from 'vitest';
import { announceLeaseWorker } from '../../src/db/lease-workers.js';
import type { ReaperStatus } from '../../src/workflows/messages.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import type { Story } from './stories.js';
import type { World } from './world.js';

const SLOW = { intervalS: 600 };
const written = (world: World, action: string, n = 1) =>
  eventually(`${action} in Postgres`, async () => {
    const { rowCount } = await world.db.admin.query('select from reaper.control_change where action = $1', [
      action,
    ]);
    return (rowCount ?? 0) >= n;
  });

/** Paths of `jobReaper`, by the names of their fixtures. */
export const reaperStories: Record<string, Story> = {
  'sweeps-and-watches': async (world) => {
    for (const id of ['j1', 'j2', 'j3']) await insertRunningJob(world.db.admin, { id });
    await insertRunningJob(world.db.admin, { id: 'far', host: 'host-9' });
    await insertRunningJob(world.db.admin, { id: 'never', startedS: null, runId: null });
    const { handle } = await world.start({ policy: { intervalS: 1 } });
    await world.sweepUntil('four watches', ({ watching }) => watching === 4);
    world.see('j1', 'dead');
    await world.sql(`update jobs set status = 'done' where id = 'j2'`);
    await handle.signal('forceSweep');
    await world.sweepUntil('two watches less', ({ watching }) => watching === 2);
    await world.keepReaper();
  },
  'above-the-limit': async (world) => {
    for (const id of ['j1', 'j2', 'j3']) await insertRunningJob(world.db.admin, { id });
    await world.start({ policy: { intervalS: 1, watchAllLimit: 3 } });
    await world.sweepUntil('three watches', ({ watching }) => watching === 3);
    await insertRunningJob(world.db.admin, { id: 'j4' });
    await world.sweepUntil('no watch', ({ watching }) => watching === 0);
    world.see('j4', 'dead');
    await world.sweepUntil('a watch', ({ started }) => started === 1);
    await world.keepReaper();
  },
  'operators-signals': async (world) => {
    const { handle } = await world.start({ policy: SLOW });
    await handle.signal('pause', { by: 'op', reason: 'deploy' });
    await written(world, 'pause');
    await handle.signal('resume');
    await handle.signal('observe');
    await handle.signal('activate', { by: 'op' });
    await written(world, 'mode', 2);
    await handle.signal('hold', { kind: 'job', value: 'j1', reason: 'r', by: 'op' });
    await handle.signal('hold', { kind: 'planet', value: 'x' });
    await handle.signal('release', { kind: 'job', value: 'j1', by: 'op' });
    await handle.signal('pause', { by: 'cli', reason: 'r', written: true });
    await written(world, 'release');
    await world.reaper.sweepNow();
    await world.keepReaper();
  },
  'a-wish-refused': async (world) => {
    let operations = 0;
    const { handle } = await world.start({
      policy: SLOW,
      jobs: (real) => ({
        async operateAll(requests) {
          operations += 1;
          if (operations === 1) throw new Error('no database');
          if (operations === 2) return { refusals: ['never'], error: null };
          return real.operateAll(requests);
        },
      }),
    });
    await handle.signal('pause');
    await handle.signal('resume', { by: 'op' });
    await written(world, 'resume');
    await world.keepReaper();
  },
  'failing-sweeps': async (world) => {
    let scans = 0;
    await world.start({
      policy: { intervalS: 1 },
      jobs: (real) => ({
        scan(...args) {
          scans += 1;
          if (scans <= 3) throw new Error('no database');
          return real.scan(...args);
        },
        recordSweep(...args) {
          if (scans <= 3) throw new Error('no database');
          return real.recordSweep(...args);
        },
      }),
    });
    await world.sweepUntil('a sweep', ({ error }) => error === null);
    await world.keepReaper();
  },
  'continued-as-new': async (world) => {
    await insertRunningJob(world.db.admin, { id: 'j1' });
    const { client, names } = await world.start({ policy: SLOW, input: { continueAfterSweeps: 2 } });
    const reaper = client.workflow.getHandle(names.reaper);
    const first = (await reaper.describe()).runId;
    await reaper.signal('hold', { kind: 'job', value: 'j9', reason: 'r', by: 'op' });
    await eventually('the next execution', async () => {
      await world.reaper.sweepNow();
      return (await reaper.describe()).runId !== first;
    });
    world.see('j1', 'dead');
    await world.reaper.sweepNow();
    await world.keepReaper();
  },
  leases: async (world) => {
    await announceLeaseWorker(world.db.reaper, 'host-1');
    await world.start({ policy: { intervalS: 1 } });
    await world.sweepUntil('nobody there', ({ leaseTrouble }) => leaseTrouble.length === 1);
    const connection = await NativeConnection.connect({ address: inject('temporalAddress') });
    const worker = await Worker.create({
      connection,
      identity: 'recorder',
      taskQueue: world.reaper.names.leaseQueue,
      activities: {
        reclaimLeases: () => Promise.resolve({ reclaimed: 1, trouble: ['repo web: an odd file'] }),
      },
    });
    await worker.runUntil(world.sweepUntil('a reclaim', ({ leasesReclaimed }) => leasesReclaimed === 1));
    await connection.close();
    await world.keepReaper();
  },
  'owed-notifications': async (world) => {
    await world.sql(
      `insert into reaper.notification (key, kind, reason, text, due_at)
       select 'k' || n, 'host without probe', 'r', 't', reaper.now() from generate_series(1, 2) n`,
    );
    await world.start({ policy: { intervalS: 1 } });
    await eventually('both settled', async () => {
      const { rowCount } = await world.db.admin.query('select from reaper.notification where owed');
      return rowCount === 0;
    });
    await world.keepReaper();
  },
  'reported-symptoms': async (world) => {
    for (const id of ['j1', 'j2']) await insertRunningJob(world.db.admin, { id });
    const { handle } = await world.start({ policy: { intervalS: 600, watchAllLimit: 0 } });
    await world.reaper.sweepNow();
    world.see('j1', 'dead');
    await handle.signal('symptoms', { host: 'host-1' });
    await eventually('its watch', async () => (await world.reaper.openWatches()).length === 1);
    world.see('j2', 'defunct');
    await handle.signal('symptoms', { host: 'host-1', queue: world.reaper.names.probeQueue('host-1') });
    await handle.signal('symptoms', 'no report');
    await eventually('another watch', async () => (await world.reaper.openWatches()).length === 2);
    await world.sql(`select reaper.pause('op', 'r')`);
    await world.reaper.sweepNow();
    await handle.signal('symptoms', { host: 'host-1' });
    await world.reaper.sweepNow();
    await world.keepReaper();
  },
  'operator-looks': async (world) => {
    await insertRunningJob(world.db.admin, { id: 'live' });
    await insertRunningJob(world.db.admin, { id: 'far', host: 'host-9' });
    const { handle } = await world.start({ policy: { ...SLOW, watchAllLimit: 0 } });
    for (const job_id of ['live', 'far', 'none']) {
      await handle.executeUpdate('look', { args: [{ job_id }] }).catch(() => undefined);
    }
    await world.keepReaper();
  },
  'adopts-watches-and-a-changed-policy': async (world) => {
    await insertRunningJob(world.db.admin, { id: 'j1' });
    const { handle, startReaperWorkflow, client, names } = await world.start({ policy: SLOW });
    await world.sweepUntil('its watch', ({ watching }) => watching === 1);
    await handle.terminate();
    await startReaperWorkflow();
    await world.sweepUntil('its watch again', ({ watching }) => watching === 1);
    await world.sql(`update reaper.control set policy = jsonb_set(policy, '{deadTicks}', '3')`);
    await world.sweepUntil('the new policy', ({ poked }) => poked === 1);
    await client.workflow.getHandle(names.reaper).query<ReaperStatus>('status');
    await world.keepReaper();
  },
};
