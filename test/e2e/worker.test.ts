import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { msToTs } from '@temporalio/common/lib/time.js';
import { Names } from '../../src/naming.js';
import { freePort, startTemporal, type TemporalServer } from '../../servers/index.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { Proxy } from '../support/proxy.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';

let db: TestDatabase;
let name: string;
let connection: Connection;
let client: Client;
const workers: WorkerProcess[] = [];
const proxies: Proxy[] = [];
let ownTemporal: TemporalServer | undefined;

beforeEach(async () => {
  db = await createTestDatabase();
  name = `e2e-${randomBytes(6).toString('hex')}`;
  connection = await Connection.connect({ address: inject('temporalAddress') });
  client = new Client({ connection });
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.kill()));
  await Promise.all(proxies.splice(0).map((proxy) => proxy.cut()));
  await ownTemporal?.stop();
  ownTemporal = undefined;
  await endProcesses();
  const open = client.workflow.list({
    query: `WorkflowId STARTS_WITH '${name}' AND ExecutionStatus = 'Running'`,
  });
  for await (const { workflowId } of open) await client.workflow.getHandle(workflowId).terminate();
  await connection.close();
  await db.drop();
});

function startWorker(env: Record<string, string> = {}, module?: string): WorkerProcess {
  const worker = new WorkerProcess({ REAPER_NAME: name, DATABASE_URL: db.reaperUrl, ...env }, module);
  workers.push(worker);
  return worker;
}

async function startProxy(url: string): Promise<Proxy> {
  const { hostname, port } = new URL(url.includes('//') ? url : `tcp://${url}`);
  const proxy = await Proxy.to({ host: hostname, port: Number(port) }, await freePort());
  proxies.push(proxy);
  return proxy;
}

/** The same URL by way of the proxy. */
function through(proxy: Proxy, url: string): string {
  const changed = new URL(url);
  changed.host = `127.0.0.1:${proxy.port}`;
  return changed.href;
}

const jobStatus = async (id: string) => (await readJob(db.admin, id))['status'];
const requeued = (id: string, limitMs?: number) =>
  eventually(`job ${id} requeued`, async () => (await jobStatus(id)) === 'queued', limitMs);

async function killedJob(id: string): Promise<void> {
  const agent = startProcess();
  await insertRunningJob(db.admin, { id, ...agent });
  await agent.kill();
}

it('SIGKILL between the COMMIT of a claim and the end of its activity: one advance, one next job', async () => {
  const run = await insertRunningJob(db.admin, {
    id: 'j1',
    agent: 'developer',
    stage: 'development',
    exitCode: 0,
    exitedS: 600,
  });
  // Only ensures the reaper; the workflows run in the worker that is going to die.
  const probe = startWorker({ PARTS: 'probe', DATABASE_URL: db.probeUrl });
  const dying = startWorker({}, 'dying-worker.mjs');
  expect(await dying.end()).toBe('SIGKILL');
  expect(dying.count('committed: won')).toBe(1);
  expect(await jobStatus('j1')).toBe('done');

  startWorker({ PARTS: 'workflows' });
  const result: unknown = await client.workflow.getHandle(new Names(name).watchId(run)).result();
  expect(result).toMatchObject({ outcome: 'done', reason: 'exit0, gate green' });
  const { rows } = await db.admin.query(
    `select (select count(*) from reaper.ledger) as ledger, (select stage from tasks) as stage,
            count(*) filter (where agent = 'reviewer' and status = 'queued') as next, count(*) as jobs from jobs`,
  );
  expect(rows).toEqual([{ ledger: 1, stage: 'review', next: 1, jobs: 2 }]);
  expect(probe.count('away')).toBe(0);
});

it('SIGKILL of the worker while a streak runs: the next one goes on with it', async () => {
  await killedJob('j1');
  startWorker({ PARTS: 'probe', DATABASE_URL: db.probeUrl });
  const start = () => startWorker({ PARTS: 'workflows', REAPER_HOST: 'host-2', REAPER_INTERVAL_S: '3' });
  const first = start();
  await eventually('the first dead observation', () => first.count('dead (streak 1/2), deferring') === 1);
  await first.kill();
  const second = start();
  await requeued('j1');
  expect(second.count('dead (streak 1/2), deferring')).toBe(0);
});

it('SIGKILL of a worker with its probe: the next one calls nothing dead until it is known to be gone', async () => {
  await killedJob('j1');
  const first = startWorker({ REAPER_INTERVAL_S: '3' });
  await eventually('its report', async () => {
    const { rowCount } = await db.admin.query('select from reaper.host_reporter');
    return rowCount;
  });
  await first.kill();
  expect(await jobStatus('j1')).toBe('running');
  const second = startWorker({ REAPER_INTERVAL_S: '3' });
  await requeued('j1', 120_000);
  await eventually('the line in the log', () => second.count('reaped -> queued') === 1);
  const { rows } = await db.admin.query('select what from reaper.host_warning');
  expect(rows).toEqual([]);
});

it.each(['SIGTERM', 'SIGINT'] as const)('ends well at %s', async (signal) => {
  const worker = startWorker();
  await eventually('the start', () => worker.count(`the reaper workflow "${name}" was started`));
  worker.signal(signal);
  expect(await worker.end()).toBe(0);
  expect(worker.lines.at(-1)).toBe('stopped');
});

it('a host runs just its probe with the probe role; another runs just workflows', async () => {
  startWorker({ PARTS: 'probe', DATABASE_URL: db.probeUrl });
  const workflows = startWorker({ PARTS: 'workflows', REAPER_HOST: 'host-2' });
  await killedJob('j1');
  await requeued('j1');
  await eventually('the line in the log', () => workflows.count('reaped -> queued') === 1);
});

it('a changed setting takes effect with a restarted worker, for watches that wait as well, and is logged', async () => {
  const run = await insertRunningJob(db.admin, { id: 'j1', exitCode: 1, exitedS: 60 });
  const first = startWorker({ REAPER_FINALIZE_GRACE_S: '3600' });
  await eventually('the watch to wait', () => first.count('(< grace 3600s), deferring'));
  const { runId } = await client.workflow.getHandle(new Names(name).watchId(run)).describe();
  first.signal('SIGTERM');
  await first.end();
  const second = startWorker({ REAPER_FINALIZE_GRACE_S: '1' });
  await requeued('j1');
  expect((await client.workflow.getHandle(new Names(name).watchId(run)).describe()).runId).toBe(runId);
  expect(first.count('the policy changed')).toBe(0);
  expect(second.count('the policy changed')).toBe(1);
});

it('stops with every mistake in its settings', async () => {
  const worker = startWorker({ REAPER_DEAD_TICKS: '0', REAPER_ENABELD: 'true', REAPER_INTERVAL_S: 'soon' });
  expect(await worker.end()).toBe(1);
  const printed = worker.lines.join('\n');
  expect(printed).toContain('REAPER_ENABELD: no such setting; did you mean "REAPER_ENABLED"?');
  expect(printed).toContain('REAPER_DEAD_TICKS: expected at least 1, got "0"');
  expect(printed).toContain('REAPER_INTERVAL_S: expected a number of seconds, got "soon"');
});

describe('servers that are away', () => {
  it('at start: waits for both, one line each, and goes on', async () => {
    const postgres = await startProxy(db.reaperUrl);
    const temporal = await startProxy(inject('temporalAddress'));
    await Promise.all([postgres.cut(), temporal.cut()]);
    await killedJob('j1');
    const worker = startWorker({
      DATABASE_URL: through(postgres, db.reaperUrl),
      TEMPORAL_ADDRESS: `127.0.0.1:${temporal.port}`,
    });
    await eventually('Postgres away', () => worker.count('Postgres is away'));
    await postgres.restore();
    await eventually('Temporal away', () => worker.count('Temporal is away'));
    await temporal.restore();
    await requeued('j1');
    for (const line of ['Postgres is away', 'Postgres is back', 'Temporal is away', 'Temporal is back']) {
      expect(worker.count(line), line).toBe(1);
    }
  });

  it('Postgres later: one line when it goes, one when it is back', async () => {
    const postgres = await startProxy(db.reaperUrl);
    const worker = startWorker({ DATABASE_URL: through(postgres, db.reaperUrl) });
    await eventually('the start', () => worker.count('was started'));
    await postgres.cut();
    await killedJob('j1');
    await eventually('Postgres away', () => worker.count('Postgres is away'));
    await postgres.restore();
    await requeued('j1');
    await eventually('Postgres back', () => worker.count('Postgres is back'));
    expect(worker.count('Postgres is away')).toBe(1);
    expect(worker.lines.length).toBeLessThan(15);
  });

  it('Temporal later, killed and started again with its database file', async () => {
    const [port, uiPort] = [await freePort(), await freePort()];
    const dbFile = `/tmp/${name}.db`;
    const serve = () => startTemporal({ log: () => undefined, port, uiPort, dbFile, env: {} });
    ownTemporal = await serve();
    const worker = startWorker({ TEMPORAL_ADDRESS: ownTemporal.address });
    await eventually('the start', () => worker.count('was started'));
    process.kill(ownTemporal.pid ?? NaN, 'SIGKILL');
    await ownTemporal.exited;
    await killedJob('j1');
    await eventually('Temporal away', () => worker.count('Temporal is away'));
    ownTemporal = await serve();
    await requeued('j1', 60_000);
    await eventually('Temporal back', () => worker.count('Temporal is back'));
    expect(worker.count('Temporal is away')).toBe(1);
    expect(worker.lines.length).toBeLessThan(15);
  });

  it('Temporal wiped: the next sweep rebuilds everything from Postgres', async () => {
    const [port, uiPort] = [await freePort(), await freePort()];
    const serve = () => startTemporal({ log: () => undefined, port, uiPort, env: {} });
    ownTemporal = await serve();
    const agent = startProcess();
    await insertRunningJob(db.admin, { id: 'j1', ...agent });
    const worker = startWorker({ TEMPORAL_ADDRESS: ownTemporal.address });
    await eventually('the watch', async () => {
      const { rows } = await db.admin.query<{ watching: number }>('select watching from reaper.status');
      return rows[0]?.watching === 1;
    });
    await ownTemporal.stop();
    ownTemporal = await serve();
    await agent.kill();
    await requeued('j1', 60_000);
    expect(worker.count('was started')).toBe(2);
  });
});

it('stops with what to do when there is no room for its search attributes', async () => {
  const namespace = `full-${randomBytes(4).toString('hex')}`;
  const { workflowService, operatorService } = connection;
  await workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: msToTs('1 day'),
  });
  // A namespace has room for ten keywords.
  const searchAttributes = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`Other${n}`, 2]));
  await eventually('the namespace', async () => {
    await operatorService.addSearchAttributes({ namespace, searchAttributes });
    return true;
  });
  const worker = startWorker({ TEMPORAL_NAMESPACE: namespace });
  expect(await worker.end()).toBe(1);
  // No command could register them: there is only doing without, or making room.
  const said = worker.lines.find((line) => line.includes(`in namespace "${namespace}"`));
  expect(said).toContain('cannot have more than 10 search attribute of type Keyword');
  expect(said).toContain('REAPER_SEARCH_ATTRIBUTES=false on every worker');
  expect(said).not.toContain('search-attribute create');
  const without = startWorker({ TEMPORAL_NAMESPACE: namespace, REAPER_SEARCH_ATTRIBUTES: 'false' });
  await killedJob('j1');
  await requeued('j1');
  // The row says so first, the log a moment later.
  await eventually('the line of it', () => without.count('reaped -> queued') === 1);
});
