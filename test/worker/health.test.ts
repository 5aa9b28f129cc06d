import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeEach, expect, inject, it, vi } from 'vitest';
import { freePort } from '../../servers/index.js';
import { checkHealth, Pulse } from '../../src/worker/health.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { Proxy } from '../support/proxy.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';

interface Report {
  ok: boolean;
  checks: Record<string, { ok: boolean; detail: string }>;
}

let db: TestDatabase;
let postgres: Proxy;
let temporal: Proxy;
let name: string;
let port: number;
let worker: WorkerProcess | undefined;
let client: Client;

beforeEach(async () => {
  db = await createTestDatabase();
  name = `health-${randomBytes(6).toString('hex')}`;
  port = await freePort();
  postgres = await proxyTo(new URL(db.reaperUrl).host);
  temporal = await proxyTo(inject('temporalAddress'));
  client = new Client({ connection: await Connection.connect({ address: inject('temporalAddress') }) });
});
afterEach(async () => {
  await worker?.kill();
  worker = undefined;
  await Promise.all([postgres.cut(), temporal.cut()]);
  await terminateAll(client, name);
  await client.connection.close();
  await db.drop();
});

async function proxyTo(address: string): Promise<Proxy> {
  const { hostname, port: target } = new URL(`tcp://${address}`);
  return Proxy.to({ host: hostname, port: Number(target) }, await freePort());
}

function start(env: Record<string, string> = {}): void {
  const url = new URL(db.reaperUrl);
  url.host = `127.0.0.1:${postgres.port}`;
  worker = new WorkerProcess({
    REAPER_NAME: name,
    DATABASE_URL: url.href,
    TEMPORAL_ADDRESS: `127.0.0.1:${temporal.port}`,
    REAPER_ADMIN_ADDR: String(port),
    ...env,
  });
}

async function ask(path: string): Promise<{ code: number; report: Report }> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  return { code: answer.status, report: (await answer.json()) as Report };
}

const becomesReady = () => eventually('readiness', async () => (await ask('/readyz')).code === 200);

/** The checks that fail, once exactly these do. */
function notReadyFor(...failing: string[]): Promise<Report> {
  return eventually(`no readiness for ${failing.join(', ')}`, async () => {
    const { code, report } = await ask('/readyz');
    const failed = Object.keys(report.checks).filter((each) => report.checks[each]?.ok === false);
    return code === 503 && failed.join() === failing.join() ? report : null;
  });
}

it('is ready when both servers answer, pollers are up and sweeps go on; healthy all the time', async () => {
  start();
  await becomesReady();
  const { report } = await ask('/readyz');
  expect(Object.keys(report.checks)).toEqual(['temporal', 'postgres', 'pollers', 'sweeps']);
  expect(report.checks['pollers']?.detail).toBe(`up on ${name}, ${name}/gates, ${name}/probe/host-1`);
  expect((await ask('/healthz')).code).toBe(200);
});

it('is healthy but not ready while Postgres is away, and ready again once it is back', async () => {
  start();
  await becomesReady();
  await postgres.cut();
  const { checks } = await notReadyFor('postgres', 'sweeps');
  expect(checks['postgres']?.detail).toContain('expected Postgres to answer, got');
  expect((await ask('/healthz')).code).toBe(200);
  await postgres.restore();
  await becomesReady();
});

it('is healthy but not ready while Temporal is away, and ready again once it is back', async () => {
  start();
  await becomesReady();
  await temporal.cut();
  await eventually(
    'no readiness',
    async () => (await ask('/readyz')).report.checks['temporal']?.ok === false,
  );
  expect((await ask('/readyz')).code).toBe(503);
  expect((await ask('/healthz')).code).toBe(200);
  await temporal.restore();
  await becomesReady();
});

it('is not ready before it has ever connected', async () => {
  await temporal.cut();
  start();
  const { checks } = await eventually('an answer', async () => (await ask('/readyz')).report);
  expect(checks).toMatchObject({
    temporal: { ok: false, detail: 'expected a connection, got none yet: retrying' },
    pollers: { ok: false, detail: 'expected pollers, got none: not connected' },
    sweeps: { ok: false },
  });
  await temporal.restore();
  await becomesReady();
});

it('is not ready once sweeps have stopped for three intervals', async () => {
  start();
  await becomesReady();
  // Something with the reaper's id that never sweeps: no worker polls its queue.
  await client.workflow.start('jobReaper', {
    workflowId: name,
    taskQueue: `${name}-nobody`,
    workflowIdConflictPolicy: 'TERMINATE_EXISTING',
  });
  const { checks } = await notReadyFor('sweeps');
  expect(checks['sweeps']?.detail).toMatch(
    /^expected a sweep within 15\.9 s, got one \d+ s ago: see job-reaper doctor$/,
  );
  await client.workflow.getHandle(name).terminate();
  await becomesReady();
});

it('a host that only probes is ready without reading sweeps', async () => {
  const url = new URL(db.probeUrl);
  url.host = `127.0.0.1:${postgres.port}`;
  start({ PARTS: 'probe', DATABASE_URL: url.href });
  await becomesReady();
  expect(Object.keys((await ask('/readyz')).report.checks)).toEqual(['temporal', 'postgres', 'pollers']);
});

it('is not healthy once its loops no longer turn', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    const pulse = new Pulse();
    vi.advanceTimersByTime(120_000);
    expect(checkHealth({ pulse }).code).toBe(200);
    vi.advanceTimersByTime(1_000);
    expect(checkHealth({ pulse }).code).toBe(503);
    pulse.beat();
    expect(checkHealth({ pulse }).code).toBe(200);
  } finally {
    vi.useRealTimers();
  }
});
