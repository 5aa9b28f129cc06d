import { randomBytes } from 'node:crypto';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { acquireLease, releaseLease } from '../../src/leases/index.js';
import type { SweepSummary } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';

let db: TestDatabase;
let folder: string;
let name: string;
const workers: WorkerProcess[] = [];

beforeEach(async () => {
  db = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'job-reaper-leases-'));
  name = `e2e-${randomBytes(6).toString('hex')}`;
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.kill()));
  await endProcesses();
  const connection = await Connection.connect({ address: inject('temporalAddress') });
  await terminateAll(new Client({ connection }), name);
  await connection.close();
  await rm(folder, { recursive: true, force: true });
  await db.drop();
});

function startWorker(env: Record<string, string> = {}): WorkerProcess {
  const worker = new WorkerProcess({
    REAPER_NAME: name,
    DATABASE_URL: db.reaperUrl,
    MERGE_LEASE_DIR: folder,
    MERGE_GATE_REPOS: 'web,api',
    ...env,
  });
  workers.push(worker);
  return worker;
}

/** The lease of a killed holder, as left by a launcher on another host or by an older one. */
async function leaveLease(repo: string): Promise<string> {
  const holder = startProcess();
  const path = join(folder, `.merge-lease-${repo}.json`);
  const lease = {
    repo,
    token: randomBytes(8).toString('hex'),
    pid: holder.pid,
    host: 'host-1',
    identity: holder.processIdentity,
    acquired_at: new Date().toISOString(),
    ttl_s: 3600,
  };
  await holder.kill();
  await writeFile(path, JSON.stringify(lease));
  return path;
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
const isGone = (path: string) => eventually(`${path} reclaimed`, async () => !(await exists(path)));

async function lastSweep(): Promise<SweepSummary | undefined> {
  const { rows } = await db.reaper.query<{ summary: SweepSummary }>('select summary from reaper.last_sweep');
  return rows[0]?.summary;
}

/** Waits for the end of a sweep that started after this call. */
async function aSweep(): Promise<SweepSummary> {
  const before = (await lastSweep())?.number ?? 0;
  return eventually('a sweep', async () => {
    const sweep = await lastSweep();
    return sweep !== undefined && sweep.number > before + 1 && sweep;
  });
}

it('are reclaimed at start and by every sweep, counted, and recorded with their holder and the reason', async () => {
  const atStart = await leaveLease('web');
  startWorker();
  await isGone(atStart);
  await aSweep();
  const bySweep = await leaveLease('api');
  await isGone(bySweep);
  await eventually('both on record', async () => {
    const { rows } = await db.reaper.query(
      'select repo, host, reason, by from reaper.lease_reclaim order by id',
    );
    expect(rows).toEqual([
      {
        repo: 'web',
        host: 'host-1',
        reason: expect.stringMatching(/^holder dead: /) as unknown,
        by: 'host-1',
      },
      {
        repo: 'api',
        host: 'host-1',
        reason: expect.stringMatching(/^holder dead: /) as unknown,
        by: 'host-1',
      },
    ]);
    return true;
  });
  const { rows } = await db.reaper.query('select lease_reclaimed_total from reaper.status');
  expect(rows).toEqual([{ lease_reclaimed_total: 2 }]);
});

it('are reclaimed at start even if Temporal is down', async () => {
  const path = await leaveLease('web');
  startWorker({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
  await isGone(path);
});

it('of a live holder stay, while another one is reclaimed', async () => {
  const taken = await acquireLease({ folder, repo: 'api', ttlS: 0.001, host: 'host-1' });
  const stale = await leaveLease('web');
  startWorker();
  await isGone(stale);
  await aSweep();
  expect(taken.acquired && (await releaseLease(taken.lease))).toBe(true);
});

it('have their own switch: the reaper off, leases on', async () => {
  await insertRunningJob(db.admin, { id: 'j1', exitCode: 1, exitedS: 60 });
  const worker = startWorker({ REAPER_ENABLED: 'false' });
  await eventually('the start', () => worker.count('was started'));
  await aSweep();
  await isGone(await leaveLease('web'));
  expect((await readJob(db.admin, 'j1'))['status']).toBe('running');
});

it('have their own switch: leases off, the reaper on', async () => {
  const path = await leaveLease('web');
  await insertRunningJob(db.admin, { id: 'j1', exitCode: 1, exitedS: 60 });
  startWorker({ LEASE_RECLAIM_ENABLED: 'false' });
  await eventually('the job', async () => (await readJob(db.admin, 'j1'))['status'] === 'queued');
  await aSweep();
  expect(await exists(path)).toBe(true);
});

it('stay while the reaper is paused or in the dry run', async () => {
  startWorker();
  await aSweep();
  await db.reaper.query(`select reaper.pause('maintenance', 'op')`);
  const path = await leaveLease('web');
  await aSweep();
  await db.reaper.query(`select reaper.set_mode('observe', 'op')`);
  await db.reaper.query(`select reaper.resume('op')`);
  await aSweep();
  expect(await exists(path)).toBe(true);
  await db.reaper.query(`select reaper.set_mode('active', 'op')`);
  await isGone(path);
});

it('without a worker that can check them are reported in the sweep and once in the log, and delay nothing else', async () => {
  await rm(folder, { recursive: true });
  const agent = startProcess();
  await insertRunningJob(db.admin, { id: 'j1', ...agent });
  const worker = startWorker({ MERGE_GATE_REPOS: 'web' });
  const { leaseTrouble } = await aSweep();
  expect(leaseTrouble.join()).toContain('Expected the lease folder');
  await agent.kill();
  await eventually('the job', async () => (await readJob(db.admin, 'j1'))['status'] === 'queued');
  expect(worker.lines.filter((line) => line.includes('Expected the lease folder'))).toHaveLength(1);
});
