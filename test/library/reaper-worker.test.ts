import { randomBytes } from 'node:crypto';
import { Connection } from '@temporalio/client';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import {
  createReaperWorker,
  PipelineError,
  readSettings,
  type ReaperWorkerOptions,
} from '../../src/index.js';
import { Names } from '../../src/naming.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { KeptLog, quietRuntime } from '../support/quiet.js';
import { eventually } from '../support/wait.js';

/** TASK_QUEUE_TYPE_ACTIVITY. */
const ACTIVITIES = 2;

let db: TestDatabase;
const name = `worker-${randomBytes(5).toString('hex')}`;

beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.drop());

function options(more: Record<string, string> = {}): ReaperWorkerOptions {
  return {
    settings: readSettings({
      DATABASE_URL: db.reaperUrl,
      REAPER_NAME: name,
      REAPER_HOST: 'host-1',
      REAPER_INTERVAL_S: '0.5',
      ...more,
    }),
    // Workflows run from built code only.
    parts: { workflows: false, probe: true },
    target: { connectionOptions: { address: inject('temporalAddress') }, namespace: 'default' },
    log: new KeptLog(),
  };
}

const connections = async () => {
  const { rows } = await db.admin.query(
    `select from pg_stat_activity where datname = current_database() and application_name like 'job-reaper worker%'`,
  );
  return rows.length;
};

it('shutdown resolves once the worker has ended: nothing of it is connected any more', async () => {
  quietRuntime();
  const connection = await Connection.connect({ address: inject('temporalAddress') });
  const worker = createReaperWorker(options());
  try {
    let ended = false;
    const run = worker.run().then(() => (ended = true));
    await eventually('it to poll, and to report its host', async () => {
      const { pollers } = await connection.workflowService.describeTaskQueue({
        namespace: 'default',
        taskQueue: { name: new Names(name).probeQueue('host-1') },
        // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the enum is in a package that is not ours to import
        taskQueueType: ACTIVITIES,
      });
      const { rows } = await db.admin.query('select from reaper.host_boot');
      return pollers.length > 0 && rows.length > 0;
    });
    expect(await connections()).toBeGreaterThan(0);
    expect(ended).toBe(false);
    await worker.shutdown();
    expect(await Promise.race([run, Promise.resolve('still running')])).toBe(true);
    await eventually('Postgres to see its connections closed', async () => (await connections()) === 0);
    await worker.shutdown();
    await worker.run();
  } finally {
    await worker.shutdown();
    await connection.close();
  }
});

it('shutdown of a worker that never ran, or that failed, resolves; only run throws', async () => {
  await createReaperWorker(options()).shutdown();
  const worker = createReaperWorker(options({ REAPER_PIPELINE: '/nowhere/pipeline.json' }));
  await expect(worker.run()).rejects.toThrow(PipelineError);
  await worker.shutdown();
});
