import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readStatus } from '../../src/db/status.js';
import { packageRoot } from '../../src/paths.js';
import { claimRun } from '../support/claims.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { OpenTransaction, waitsForLock } from '../support/locks.js';
import { insertRunningJob } from '../support/rows.js';

const REJECTED = { code: 'RP003' };
// Like a launcher without any guard.
const FINALIZE = `update jobs set status = 'done', finished_at = now() where id = 'j1'`;
const TAKE_AGAIN = `update jobs set status = 'running', attempts = attempts + 1, started_at = now() where id = 'j1'`;

let db: TestDatabase;

beforeEach(async () => {
  db = await createTestDatabase();
  const file = join(packageRoot, 'sql/extras/reject-late-finalize.sql');
  const extra = await readFile(file, 'utf8');
  // Twice: it is safe to run again.
  await db.admin.query(extra);
  await db.admin.query(extra);
  await db.admin.query(`select reaper.set_mode('active', 'test')`);
});
afterEach(() => db.drop());

const status = async () =>
  (await db.admin.query<{ status: string }>(`select status from jobs where id = 'j1'`)).rows[0]?.status;

const lateWrites = async () => (await readStatus(db.reaper)).late_writes;

describe('the trigger that rejects a late finalize', () => {
  it('lets a run that was not reaped be finalized, and the reaper reap', async () => {
    await insertRunningJob(db.admin, { id: 'j1', pid: 4242 });
    await db.admin.query(FINALIZE);
    expect(await status()).toBe('done');
    const ref = await insertRunningJob(db.admin, { id: 'j2', pid: 4242 });
    expect(await claimRun(db.reaper, ref, { outcome: 'failed' })).toMatchObject({ result: 'won' });
  });

  it.each(['queued', 'failed'] as const)(
    'rejects it from a monitor whose run was reaped as %s',
    async (outcome) => {
      const ref = await insertRunningJob(db.admin, { id: 'j1', pid: 4242 });
      await claimRun(db.reaper, ref, { outcome });
      await expect(db.admin.query(FINALIZE)).rejects.toMatchObject({
        ...REJECTED,
        message: expect.stringContaining(`got "${outcome}": its run was reaped (dead pid=4242)`) as string,
        hint: 'job-reaper explain j1',
      });
      expect(await status()).toBe(outcome);
    },
  );

  it('rejects it when it waited for that very claim', async () => {
    const ref = await insertRunningJob(db.admin, { id: 'j1', pid: 4242 });
    const control = await OpenTransaction.begin(db.admin);
    await control.run('lock table reaper.control in share row exclusive mode');
    const claiming = claimRun(db.reaper, ref);
    await waitsForLock(db.admin, 'reaper.claim');
    // Waits for the claim, which has locked the row.
    const late = expect(db.admin.query(FINALIZE)).rejects.toMatchObject(REJECTED);
    await waitsForLock(db.admin, `set status = 'done'`);
    await control.commit();
    expect(await claiming).toMatchObject({ result: 'won' });
    await late;
    expect(await status()).toBe('queued');
  });

  it("tells a late write from the next run's, if the launcher names its run", async () => {
    const ref = await insertRunningJob(db.admin, { id: 'j1', pid: 4242 });
    await claimRun(db.reaper, ref);
    await db.admin.query(TAKE_AGAIN);
    const finalizeAs = async (runKey: string) => {
      const launcher = await OpenTransaction.begin(db.admin);
      try {
        await launcher.run(`select set_config('job_reaper.run_key', $1, true)`, [runKey]);
        await launcher.run(FINALIZE);
        await launcher.commit();
      } catch (error) {
        await launcher.rollback();
        throw error;
      }
    };
    await expect(finalizeAs(ref.runKey)).rejects.toMatchObject(REJECTED);
    const { rows } = await db.admin.query<{ run_key: string }>('select run_key from reaper.running_job');
    await finalizeAs(rows[0]?.run_key ?? '');
    expect(await status()).toBe('done');
  });

  it('lets a queued job be cancelled whose last run was reaped, but not by the monitor that names that run', async () => {
    const ref = await insertRunningJob(db.admin, { id: 'j1', pid: 4242 });
    await claimRun(db.reaper, ref, { outcome: 'queued' });
    const cancel = `update jobs set status = 'failed', error = 'cancelled' where id = 'j1' and status = 'queued'`;
    const monitor = await OpenTransaction.begin(db.admin);
    await monitor.run(`select set_config('job_reaper.run_key', $1, true)`, [ref.runKey]);
    await expect(monitor.run(cancel)).rejects.toMatchObject(REJECTED);
    await monitor.rollback();
    await db.admin.query(cancel);
    expect(await status()).toBe('failed');
    await expect(db.admin.query(FINALIZE)).rejects.toMatchObject(REJECTED);
  });

  it('lets an operator who says so write manually', async () => {
    const ref = await insertRunningJob(db.admin, { id: 'j1', pid: 4242 });
    await claimRun(db.reaper, ref);
    const operator = await OpenTransaction.begin(db.admin);
    await operator.run(`set local job_reaper.override = 'on'`);
    await operator.run(FINALIZE);
    await operator.commit();
    expect(await status()).toBe('done');
  });

  it('counts each write that it rejects, and has the process of that run checked once more', async () => {
    const ref = await insertRunningJob(db.admin, { id: 'j1', pid: 4242, processIdentity: 'a stamp' });
    await claimRun(db.reaper, ref, { run: { processIdentity: 'a stamp' } });
    await db.probe.query(`select reaper.note_look_back('host-1', '{1}', '[]')`);
    const lookedAtAgain = async () => (await db.probe.query('select * from reaper.look_back')).rows.length;
    expect([await lateWrites(), await lookedAtAgain()]).toEqual([0, 0]);

    await expect(db.admin.query(FINALIZE)).rejects.toMatchObject(REJECTED);
    expect([await lateWrites(), await lookedAtAgain()]).toEqual([1, 1]);
    await db.probe.query(`select reaper.note_look_back('host-1', '{1}', '[]')`);
    expect([await lateWrites(), await lookedAtAgain()]).toEqual([1, 0]);
    // An ordinary late write stops nothing.
    expect(await readStatus(db.reaper)).toMatchObject({ mode: 'active', survivors: 0 });
  });
});
