import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { freePort } from '../../servers/index.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { OpenTransaction } from '../support/locks.js';
import { endProcesses, startProcess } from '../support/process.js';
import { Proxy } from '../support/proxy.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';

let db: TestDatabase;
let postgres: Proxy;
let temporal: Proxy;
let name: string;
let port: number;
let worker: WorkerProcess;
let client: Client;

beforeEach(async () => {
  db = await createTestDatabase();
  name = `silence-${randomBytes(6).toString('hex')}`;
  port = await freePort();
  postgres = await proxyTo(new URL(db.reaperUrl).host);
  temporal = await proxyTo(inject('temporalAddress'));
  client = new Client({ connection: await Connection.connect({ address: inject('temporalAddress') }) });
  const url = new URL(db.reaperUrl);
  url.host = `127.0.0.1:${postgres.port}`;
  worker = new WorkerProcess({
    REAPER_NAME: name,
    DATABASE_URL: url.href,
    TEMPORAL_ADDRESS: `127.0.0.1:${temporal.port}`,
    REAPER_ADMIN_ADDR: String(port),
    REAPER_INTERVAL_S: '1',
  });
  await eventually('readiness', async () => (await ask('/readyz')).status === 200);
});
afterEach(async () => {
  await worker.kill();
  await Promise.all([postgres.cut(), temporal.cut()]);
  await terminateAll(client, name);
  await client.connection.close();
  await endProcesses();
  await db.drop();
});

async function proxyTo(address: string): Promise<Proxy> {
  const { hostname, port: target } = new URL(`tcp://${address}`);
  return Proxy.to({ host: hostname, port: Number(target) }, await freePort());
}

const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);

async function sweptAt(): Promise<number> {
  const { rows } = await db.admin.query<{ at: Date }>('select at from reaper.last_sweep');
  return rows[0]?.at.getTime() ?? 0;
}

/** Waits until the connections that the worker has are silent, and one is in use. */
async function silencePostgres(): Promise<void> {
  expect(postgres.silence()).toBeGreaterThan(0);
  await eventually('no readiness', async () => (await ask('/readyz')).status === 503);
}

describe('connections to Postgres that go silent', () => {
  it('are logged, do not affect health, and sweeps go on', async () => {
    await silencePostgres();
    expect((await ask('/healthz')).status).toBe(200);
    const before = await sweptAt();
    await eventually('further sweeps', async () => (await sweptAt()) > before + 1_000, 60_000);
    await eventually('readiness', async () => (await ask('/readyz')).status === 200);
  });

  it('do not keep a worker from stopping, and it says what it waited for', async () => {
    await silencePostgres();
    worker.signal('SIGTERM');
    await worker.end();
    expect(worker.lines.join('\n')).toMatch(
      /still stopping, waiting for .*"select .*" on "job-reaper worker \w+"/,
    );
  });
});

describe('connections to Temporal that go silent', () => {
  it('are replaced, and sweeps go on', async () => {
    expect(temporal.silence()).toBeGreaterThan(0);
    await eventually('no readiness', async () => (await ask('/readyz')).status === 503);
    expect((await ask('/healthz')).status).toBe(200);
    const before = await sweptAt();
    await eventually('further sweeps', async () => (await sweptAt()) > before + 1_000, 120_000);
  });

  it('do not keep a worker from stopping', async () => {
    temporal.silence();
    worker.signal('SIGTERM');
    await worker.end();
    expect(worker.printed).not.toContain('Worker still in use');
  });
});

it('rows that are locked for long delay no sweep, no other repair and no stop', async () => {
  const dead = startProcess();
  await dead.kill();
  for (let n = 0; n < 12; n += 1) await insertRunningJob(db.admin, { id: `locked-${n}`, ...dead });
  const lock = await OpenTransaction.begin(db.admin);
  await lock.run('select from jobs for update');
  const isBusy = async () =>
    /job_reaper_claims_total{result="busy"} [1-9]/.test(await (await ask('/metrics')).text());
  await eventually('claims that were told of the lock', isBusy);
  await insertRunningJob(db.admin, { id: 'free', ...dead });
  await eventually(
    'the free one repaired',
    async () => (await readJob(db.admin, 'free'))['status'] === 'queued',
  );
  expect((await readJob(db.admin, 'locked-0'))['status']).toBe('running');
  const before = await sweptAt();
  await eventually('further sweeps', async () => (await sweptAt()) > before + 2_000);
  worker.signal('SIGTERM');
  expect(await worker.end()).toBe(0);
  await lock.rollback();
});
