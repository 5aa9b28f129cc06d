import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Status } from '../../src/domain/status.js';
import { freePort, type TemporalServer } from '../../servers/index.js';
import type { ReaperStatus } from '../../src/workflows/messages.js';
import { cli } from '../cli/support.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startOwnTemporal } from '../support/own-temporal.js';
import { startProcess } from '../support/process.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';

let db: TestDatabase;
let temporal: TemporalServer;
let worker: WorkerProcess | undefined;
let ports: { port: number; uiPort: number; adminPort: number };
let folder: string;
let env: Record<string, string>;

beforeEach(async () => {
  db = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'job-reaper-status-'));
  ports = { port: await freePort(), uiPort: await freePort(), adminPort: await freePort() };
  temporal = await serveTemporal();
  env = {
    REAPER_NAME: `e2e-${randomBytes(6).toString('hex')}`,
    DATABASE_URL: db.reaperUrl,
    TEMPORAL_ADDRESS: temporal.address,
    REAPER_ADMIN_ADDR: String(ports.adminPort),
    REAPER_INTERVAL_S: '0.5',
    MERGE_LEASE_DIR: folder,
    MERGE_GATE_REPOS: 'web',
  };
});
afterEach(async () => {
  await worker?.kill();
  worker = undefined;
  await temporal.stop();
  await rm(folder, { recursive: true, force: true });
  await db.drop();
});

/** Without a database file: a new server knows nothing. */
function serveTemporal(): Promise<TemporalServer> {
  const { port, uiPort } = ports;
  return startOwnTemporal({ port, uiPort });
}

const overHttp = async () => (await fetch(`http://127.0.0.1:${ports.adminPort}/status`)).json();
const overSql = async () => (await db.reaper.query<Status>('select * from reaper.status')).rows[0];
const overCli = async () => JSON.parse((await cli(['status', '--json'], env)).stdout) as Status;
async function overQuery(): Promise<ReaperStatus> {
  const connection = await Connection.connect({ address: temporal.address });
  try {
    return await new Client({ connection }).workflow
      .getHandle(env['REAPER_NAME'] ?? '')
      .query<ReaperStatus>('status');
  } finally {
    await connection.close();
  }
}

/** What does not change between two sweeps. */
function facts(status: object | null | undefined): object {
  return Object.fromEntries(
    Object.entries(status ?? {}).filter(
      ([name]) => !['last_run_ts', 'last_sweep', 'holds', 'temporal_error'].includes(name),
    ),
  );
}

it('is the same over query, CLI, HTTP and SQL, and keeps its totals without any process and all of Temporal', async () => {
  await insertRunningJob(db.admin, { id: 'reaped', agent: 'tester', attempts: 2, exitCode: 1, exitedS: 600 });
  await insertRunningJob(db.admin, { id: 'far', host: 'host-9' });
  const holder = startProcess();
  const { pid, processIdentity: identity } = holder;
  await holder.kill();
  const stale = {
    repo: 'web',
    token: 't1',
    pid,
    host: 'host-1',
    identity,
    acquired_at: new Date(),
    ttl_s: 600,
  };
  await writeFile(join(folder, '.merge-lease-web.json'), JSON.stringify(stale));
  worker = new WorkerProcess(env);
  await eventually('the claim', async () => (await overSql())?.reaped_total === 1);
  const expected = {
    enabled: true,
    mode: 'active',
    paused: false,
    paused_by: null,
    paused_reason: null,
    interval_s: 0.5,
    reaped_total: 1,
    last_reaped: { job_id: 'reaped', agent: 'tester', outcome: 'failed' },
    lease_reclaimed_total: 1,
    running: 1,
    watching: 1,
    hosts_without_probe: ['host-9'],
    unwatchable: [],
  };
  const everywhere = async () => {
    // Two answers may come from different sweeps, as long as these still find something new.
    await eventually('the state everywhere', async () => {
      expect((await overQuery()).status).toMatchObject(expected);
      expect(await overSql()).toMatchObject(expected);
      for (const status of [await overHttp(), await overCli(), (await overQuery()).status]) {
        expect(facts(status as object)).toEqual(facts(await overSql()));
      }
      return true;
    });
  };
  await everywhere();
  expect((await overSql())?.last_run_ts).toBeGreaterThan(Date.now() / 1000 - 60);

  await worker.kill();
  await temporal.stop();
  temporal = await serveTemporal();
  worker = new WorkerProcess(env);
  await everywhere();
});
