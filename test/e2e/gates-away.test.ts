import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { freePort } from '../../servers/index.js';
import { Names } from '../../src/naming.js';
import { cli } from '../cli/support.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { Proxy } from '../support/proxy.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';

let db: TestDatabase;
let folder: string;
let name: string;
let connection: Connection;
let client: Client;
let worker: WorkerProcess | undefined;
let proxy: Proxy | undefined;

beforeEach(async () => {
  db = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'job-reaper-gates-'));
  name = `e2e-${randomBytes(6).toString('hex')}`;
  connection = await Connection.connect({ address: inject('temporalAddress') });
  client = new Client({ connection });
});
afterEach(async () => {
  // A worker that stops ends its gates; a killed one would leave them behind.
  worker?.signal('SIGTERM');
  await worker?.end();
  worker = undefined;
  await proxy?.cut();
  proxy = undefined;
  await terminateAll(client, name);
  await connection.close();
  await rm(folder, { recursive: true, force: true });
  await db.drop();
});

/** On a busy machine a server that writes each step to Postgres lets five of a hundred watches a second come to their gates. */
const BUSY_MS = 180_000;

/** A worker whose pipeline has this gate before the stage "released". */
async function startWorker(gate: object, env: Record<string, string> = {}) {
  const stages = [{ name: 'development', agent: 'developer', gate, next: 'released' }, { name: 'released' }];
  const pipeline = join(folder, 'pipeline.json');
  await writeFile(pipeline, JSON.stringify({ stages }));
  worker = new WorkerProcess({
    REAPER_NAME: name,
    DATABASE_URL: db.reaperUrl,
    REAPER_PIPELINE: pipeline,
    ...env,
  });
}

const finished = (id: string) =>
  insertRunningJob(db.admin, { id, stage: 'development', exitCode: 0, exitedS: 60 });
const statusOf = async (id: string) => (await readJob(db.admin, id))['status'];

it('a gate whose database is down is asked again: nothing is claimed, and explain shows why', async () => {
  const port = await freePort();
  const gateUrl = new URL(db.reaperUrl);
  const target = { host: gateUrl.hostname, port: Number(gateUrl.port) };
  gateUrl.host = `127.0.0.1:${port}`;
  await startWorker({ kind: 'sql', query: 'select true' }, { REAPER_GATE_DATABASE_URL: gateUrl.href });
  const runs = await Promise.all(['j1', 'j2', 'j3'].map(finished));
  const watch = client.workflow.getHandle(new Names(name).watchId(runs[0] ?? { jobId: '', runKey: '' }));
  await eventually('the gate to have been asked twice', async () => {
    const { raw } = await watch.describe();
    return (raw.pendingActivities ?? []).some(({ attempt }) => (attempt ?? 0) > 2);
  });
  const env = { DATABASE_URL: db.reaperUrl, TEMPORAL_ADDRESS: inject('temporalAddress'), REAPER_NAME: name };
  const { stdout } = await cli(['explain', 'j1'], env);
  expect(stdout).toMatch(
    /judgeExitZero has failed \d+ times?.*sql gate of stage "development" could not be asked/,
  );
  expect(stdout).toContain('ECONNREFUSED');
  expect((await db.reaper.query('select from reaper.ledger')).rowCount).toBe(0);

  proxy = await Proxy.to(target, port);
  await eventually('all three done', async () =>
    (await Promise.all(['j1', 'j2', 'j3'].map(statusOf))).every((status) => status === 'done'),
  );
  const { rows } = await db.reaper.query('select distinct reason from reaper.ledger');
  expect(rows).toEqual([{ reason: 'exit0, gate green' }]);
});

it('a hundred slow gates block neither sweeps, observations and claims nor a pause', async () => {
  await startWorker(
    { kind: 'command', argv: ['sleep', '300'], timeout_s: 300 },
    { REAPER_SHARED_PID_NAMESPACE: 'true' },
  );
  await Promise.all(Array.from({ length: 100 }, (_, n) => finished(`slow-${n}`)));
  const { workflowService } = client;
  await eventually(
    'all to wait for a gate',
    async () => {
      const { stats } = await workflowService.describeTaskQueue({
        namespace: 'default',
        taskQueue: { name: new Names(name).gateQueue },
        // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- an activity queue: the enum is in a package that is not ours to import
        taskQueueType: 2,
        reportStats: true,
      });
      // The server counts anew only every five seconds.
      return Number(stats?.approximateBacklogCount) >= 70;
    },
    BUSY_MS,
  );
  await insertRunningJob(db.admin, { id: 'dead', pid: 4_194_303 });
  await insertRunningJob(db.admin, { id: 'exited', exitCode: 1, exitedS: 60 });
  await eventually(
    'both',
    async () => (await Promise.all(['dead', 'exited'].map(statusOf))).every((status) => status === 'queued'),
    BUSY_MS,
  );
  await client.workflow.getHandle(name).signal('pause', { by: 'test', reason: 'a test' });
  await eventually('the pause', async () => {
    const { rows } = await db.reaper.query<{ paused: boolean }>('select paused from reaper.status');
    return rows[0]?.paused;
  });
  expect(await statusOf('slow-0')).toBe('running');
}, 540_000);
