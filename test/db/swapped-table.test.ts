import { expect, it, onTestFinished } from 'vitest';
import type { Database } from '../../src/db/database.js';
import { migrate } from '../../src/db/migrate.js';
import { createPool } from '../../src/db/pool.js';
import { claimRun, countLedger } from '../support/claims.js';
import { emptyDatabase, insertWork, ourQueue } from './migrate/support.js';

const SWAP = `
  create table work_new (like work including all);
  insert into work_new overriding system value select * from work;
  alter table work rename to work_old;
  alter table work_new rename to work`;

/** A custom queue whose functions name the table, while the view follows it. */
async function installed(
  mode: 'active' | 'observe',
): Promise<{ url: string; admin: Database; ours: Database }> {
  const { url, admin } = await emptyDatabase();
  await migrate(url, await ourQueue('queue.sql'));
  await admin.query(`select reaper.set_mode('${mode}', 'test')`);
  const ours = createPool(url, { applicationName: 'test swapped' });
  onTestFinished(() => ours.end());
  return { url, admin, ours };
}

const stateOf = async (admin: Database, jobId: string) =>
  (await admin.query<{ state: string }>('select state from work where id = $1', [jobId])).rows[0]?.state;

it('is not written to by a claim that rests on what the view shows of the old table, until the next migrate', async () => {
  const { url, admin, ours } = await installed('active');
  const run = await insertWork(admin);
  await admin.query(SWAP);
  // The run lives on in the new table, under another process; the view still shows the old one.
  await admin.query('update work set pid = 5353');
  expect(await claimRun(ours, run)).toMatchObject({
    result: 'changed',
    detail:
      'expected reaper.running_job to read public.work, got a view of the table that had this name before; run job-reaper migrate',
  });
  expect([await stateOf(admin, run.jobId), await countLedger(admin)]).toEqual(['active', 0]);

  await migrate(url, null);
  expect(await claimRun(ours, run)).toMatchObject({
    result: 'changed',
    detail: expect.stringContaining('found pid=5353') as string,
  });
  expect(await claimRun(ours, run, { run: { pid: 5353 } })).toMatchObject({ result: 'won' });
  expect([await stateOf(admin, run.jobId), await countLedger(admin)]).toEqual(['waiting', 1]);
});

it('is in no report of the dry run either', async () => {
  const { admin, ours } = await installed('observe');
  const run = await insertWork(admin);
  await admin.query(SWAP);
  expect(await claimRun(ours, run)).toMatchObject({ result: 'blocked' });
  expect((await admin.query('select from reaper.observation')).rowCount).toBe(0);
});

it('changes nothing about a claim that was won before: its activity may run again', async () => {
  const { admin, ours } = await installed('active');
  const run = await insertWork(admin);
  expect(await claimRun(ours, run)).toMatchObject({ result: 'won' });
  await admin.query(SWAP);
  expect(await claimRun(ours, run)).toMatchObject({ result: 'won' });
  expect(await countLedger(admin)).toBe(1);
});

it('that is swapped while a claim waits for its row is noticed too', async () => {
  const { admin, ours } = await installed('active');
  const run = await insertWork(admin);
  const owner = await admin.connect();
  try {
    await owner.query('begin');
    await owner.query(SWAP);
    await owner.query('update work set pid = 5353');
    // Its locks stop every claim at the old table's name.
    const claimed = claimRun(ours, run);
    await expect
      .poll(async () => (await admin.query(`select from pg_locks where not granted`)).rowCount)
      .toBeGreaterThan(0);
    await owner.query('commit');
    expect(await claimed).toMatchObject({ result: 'changed' });
  } finally {
    owner.release();
  }
  expect([await stateOf(admin, run.jobId), await countLedger(admin)]).toEqual(['active', 0]);
});
