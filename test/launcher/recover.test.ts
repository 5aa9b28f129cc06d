import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { recoverRuns } from '../../demo/launcher/recover.js';
import { report } from '../../demo/launcher/report.js';
import { takeJob } from '../../demo/launcher/take-job.js';
import { forged, OTHER_BOOT, OTHER_MACHINE, stampOf } from '../liveness/stamps.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { insertRunningJob, readJob, type RunningJob } from '../support/rows.js';
import { machineWithId, stampBeforeReboot } from './reboot.js';

vi.mock(import('../../demo/launcher/report.js'), () => ({ report: vi.fn() }));

let db: TestDatabase;

beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  vi.mocked(report).mockReset();
  await endProcesses();
  await db.drop();
});

const recover = () => recoverRuns(db.admin, 'host-1', machineWithId());

const insertRebooted = (job: RunningJob = {}) =>
  insertRunningJob(db.admin, { id: 'j1', processIdentity: stampBeforeReboot(), ...job });

describe.skipIf(process.platform !== 'linux')('a launcher that starts again (needs Linux)', () => {
  it('requeues what its host was running before the reboot, and reports it', async () => {
    const { runId } = await insertRebooted();
    await recover();
    expect(await readJob(db.admin, 'j1')).toMatchObject({
      status: 'queued',
      attempts: 1,
      host: null,
      pid: null,
      process_identity: null,
      run_id: null,
      started_at: null,
      error: expect.stringMatching(/^launcher restarted: stamped in boot .* has rebooted since/) as string,
    });
    expect(vi.mocked(report).mock.calls).toEqual([
      [
        {
          event: 'recovered',
          jobId: 'j1',
          runId,
          status: 'queued',
          evidence: expect.stringContaining(OTHER_BOOT) as string,
        },
      ],
    ]);
    expect(await takeJob(db.admin, { host: 'host-1', agents: null })).toMatchObject({ attempt: 2 });
  });

  it.each([
    ['its last attempt', { attempts: 2, maxAttempts: 2 }, 'failed'],
    ['an attempt left', { attempts: 2, maxAttempts: 3 }, 'queued'],
    ['no attempt counted', { attempts: null, maxAttempts: 1 }, 'queued'],
    ['no limit set, and one attempt', { attempts: 1, maxAttempts: 0 }, 'queued'],
    ['no limit set, and two attempts', { attempts: 2, maxAttempts: null }, 'failed'],
  ] satisfies [string, RunningJob, string][])('a job with %s: %o -> %s', async (_, job, status) => {
    await insertRebooted(job);
    await recover();
    expect(await readJob(db.admin, 'j1')).toMatchObject({
      status,
      attempts: job.attempts,
      error: expect.stringContaining('launcher restarted: ') as string,
    });
  });

  it.each<[string, () => RunningJob]>([
    ['of another host', () => ({ host: 'host-2' })],
    ['of no host', () => ({ host: null })],
    ['of another machine', () => ({ processIdentity: stampBeforeReboot({ machineId: OTHER_MACHINE }) })],
    ['of a machine without an id', () => ({ processIdentity: stampBeforeReboot({ machineId: '' }) })],
    ['without a stamp', () => ({ processIdentity: null })],
    ['without a pid', () => ({ pid: null })],
    ['with a malformed stamp', () => ({ processIdentity: `${stampBeforeReboot()} ` })],
    ['with exit code 0', () => ({ exitCode: 0 })],
    ['with exit code 1, recorded long ago', () => ({ exitCode: 1, exitedS: 9_999 })],
    ['alive', () => ({ pid: process.pid, processIdentity: stampOf(process.pid) })],
    ['in another pid namespace', () => ({ processIdentity: forged(process.pid, { pidNamespace: '1' }) })],
    [
      'whose pid another process has, in this boot',
      () => ({ pid: process.pid, processIdentity: forged(process.pid, { start: '1' }) }),
    ],
  ])('leaves a run alone: %s', async (_, job) => {
    await insertRebooted(job());
    const before = await readJob(db.admin, 'j1');
    await recover();
    expect(await readJob(db.admin, 'j1')).toEqual(before);
    expect(report).not.toHaveBeenCalled();
  });

  it('leaves a run alone whose agent died in this boot: its monitor may be about to record the exit code', async () => {
    const agent = startProcess();
    await insertRunningJob(db.admin, { id: 'j1', ...agent });
    await agent.kill();
    const before = await readJob(db.admin, 'j1');
    await recover();
    expect(await readJob(db.admin, 'j1')).toEqual(before);
  });

  it('recovers the other runs when one cannot be written', async () => {
    await insertRebooted();
    await insertRebooted({ id: 'j2' });
    await db.admin.query(`alter table jobs add check (not (id = 'j1' and status = 'queued'))`);
    await recover();
    expect(await readJob(db.admin, 'j1')).toMatchObject({ status: 'running' });
    expect(await readJob(db.admin, 'j2')).toMatchObject({ status: 'queued' });
    expect(vi.mocked(report).mock.calls).toMatchObject([
      [{ event: 'trouble', what: 'recover job j1' }],
      [{ event: 'recovered', jobId: 'j2' }],
    ]);
  });
});
