import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { processIdentity } from '../../src/liveness/index.js';
import { parseStamp } from '../../src/liveness/stamp.js';
import { forged, OTHER_BOOT } from '../liveness/stamps.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { LauncherProcess } from '../support/launcher-process.js';
import { OpenTransaction, waitsForLock } from '../support/locks.js';
import { insertRunningJob } from '../support/rows.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';

const JOBS = ['j1', 'j2', 'j3', 'j4', 'j5'];

const stamp = parseStamp(processIdentity(process.pid) ?? '');
const canProveReboot = stamp?.scheme === 'linux' && stamp.machineId !== '';

let db: TestDatabase;
let name: string;
let worker: WorkerProcess | undefined;
let launcher: LauncherProcess | undefined;

beforeEach(async () => {
  db = await createTestDatabase();
  name = `recover-${randomBytes(6).toString('hex')}`;
});
afterEach(async () => {
  await Promise.all([worker?.kill(), launcher?.end()]);
  const connection = await Connection.connect({ address: inject('temporalAddress') });
  await terminateAll(new Client({ connection }), name);
  await connection.close();
  await db.drop();
});

describe.skipIf(!canProveReboot)('after a reboot (needs Linux and a machine id)', () => {
  it('a launcher and the first sweep of a worker reach for the same runs: each job is requeued exactly once', async () => {
    for (const id of JOBS) {
      const identity = forged(process.pid, { bootId: OTHER_BOOT });
      await insertRunningJob(db.admin, { id, agent: 'scribe', processIdentity: identity });
    }
    const other = await OpenTransaction.begin(db.admin);
    await other.run('select from jobs for update');
    worker = new WorkerProcess({ REAPER_NAME: name, DATABASE_URL: db.reaperUrl });
    launcher = new LauncherProcess({ DATABASE_URL: db.adminUrl, LAUNCHER_HOST: 'host-1' });
    await waitsForLock(db.admin, 'select from jobs where id = $1 for no key update');
    await waitsForLock(db.admin, 'reaper.claim', JOBS.length);
    await other.rollback();

    await eventually('all second attempts done', async () => {
      const { rows } = await db.admin.query<{ n: number }>(
        `select count(*) as n from jobs where status = 'done'`,
      );
      return rows[0]?.n === JOBS.length;
    });
    const { rows } = await db.admin.query<{ id: string; attempts: number; claims: number }>(
      `select j.id, j.attempts, count(l.id) as claims
         from jobs j left join reaper.ledger l on l.job_id = j.id group by j.id order by j.id`,
    );
    await launcher.end();
    const { events } = launcher;
    const requeues = rows.map(({ id, attempts, claims }) => {
      const recoveries = events.filter((event) => event.event === 'recovered' && event.jobId === id).length;
      return { id, attempts, requeued: claims + recoveries };
    });
    expect(requeues).toEqual(JOBS.map((id) => ({ id, attempts: 2, requeued: 1 })));
    expect(events.filter(({ event }) => event === 'took')).toHaveLength(JOBS.length);
  });
});
