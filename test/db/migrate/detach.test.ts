import { expect, it } from 'vitest';
import { detach, migrate } from '../../../src/db/migrate.js';
import { checkRunningJobs } from '../../../src/db/check-running-jobs.js';
import { prune } from '../../../src/db/prune.js';
import { readStatus } from '../../../src/db/status.js';
import { recordSweep } from '../../../src/db/record-sweep.js';
import { claimRun } from '../../support/claims.js';
import { createTestDatabase } from '../../support/database.js';
import { insertRunningJob } from '../../support/rows.js';
import { emptyDatabase, insertWork, ourQueue } from './support.js';

const DETACHED = expect.stringMatching(
  /^the adapter is detached since \d{4}-\d\d-\d\dT[\d:]{8}Z by \w+: run job-reaper attach/,
) as string;

it('an adapter that is detached: every migration of the table passes, nothing fails, nothing is claimed', async () => {
  const db = await createTestDatabase();
  try {
    const ref = await insertRunningJob(db.admin, { id: 'j1', pid: 4242 });
    await expect(db.admin.query('alter table jobs alter column pid type bigint')).rejects.toThrow('view');
    expect(await detach(db.adminUrl)).toBe('reference');
    await db.admin.query('alter table jobs alter column pid type bigint');

    expect(await readStatus(db.reaper)).toMatchObject({ running: 0, adapter_trouble: [DETACHED] });
    await expect(checkRunningJobs(db.reaper)).rejects.toThrow('job-reaper attach');
    expect(await claimRun(db.reaper, ref)).toMatchObject({ result: 'changed', detail: DETACHED });
    await expect(prune(db.admin, 86_400)).rejects.toThrow('job-reaper attach');
    // Twice is no harm.
    expect(await detach(db.adminUrl)).toBe('reference');

    expect(await migrate(db.adminUrl, null)).toMatchObject({
      adapter: 'reference',
      mode: 'active',
      notes: [],
    });
    expect(await readStatus(db.reaper)).toMatchObject({ running: 1, adapter_trouble: [] });
    expect(await claimRun(db.reaper, ref)).toMatchObject({ result: 'won' });
  } finally {
    await db.drop();
  }
});

it('what the dry run has seen is not over while it cannot be seen', async () => {
  const db = await createTestDatabase();
  try {
    await db.admin.query(`select reaper.set_mode('observe', 'test')`);
    const ref = await insertRunningJob(db.admin, { id: 'j1', pid: 4242 });
    expect(await claimRun(db.reaper, ref)).toMatchObject({ result: 'blocked' });
    await detach(db.adminUrl);
    await recordSweep(db.reaper, Date.now(), { number: 1, error: 'detached' });
    const open = () => db.admin.query('select became from reaper.observation');
    expect((await open()).rows).toEqual([{ became: null }]);
    await migrate(db.adminUrl, null);
    await db.admin.query(`update jobs set status = 'done'`);
    await recordSweep(db.reaper, Date.now(), { number: 2 });
    expect((await open()).rows).toEqual([{ became: 'ended by itself' }]);
  } finally {
    await db.drop();
  }
});

it('an adapter of the user, as it was installed', async () => {
  const { url, admin } = await emptyDatabase();
  await migrate(url, await ourQueue('queue.sql'));
  const { jobId } = await insertWork(admin);
  expect(await detach(url)).toBe('queue');
  await admin.query(
    'alter table work rename column worker to worker_name; alter table work rename column worker_name to worker',
  );
  await migrate(url, null);
  expect((await admin.query('select job_id from reaper.running_job')).rows).toEqual([{ job_id: jobId }]);
});

it('says so if there is nothing to detach', async () => {
  const { url } = await emptyDatabase();
  await expect(detach(url)).rejects.toThrow('Expected an installed adapter to detach, got none');
});
