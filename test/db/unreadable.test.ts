import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkRunningJobs } from '../../src/db/check-running-jobs.js';
import { findUnreadableRuns } from '../../src/db/inspect/unreadable.js';
import { migrate } from '../../src/db/migrate.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob } from '../support/rows.js';

let db: TestDatabase;

beforeEach(async () => {
  db = await createTestDatabase();
  await db.admin.query('drop view reaper.running_job cascade; alter table jobs alter column pid type text');
  await migrate(db.adminUrl, null);
  for (let n = 0; n < 40; n += 1) await insertRunningJob(db.admin, { id: `job-${n}` });
});
afterEach(() => db.drop());

const spoil = (...ids: string[]) => db.admin.query(`update jobs set pid = 'n/a' where id = any($1)`, [ids]);

it('finds each row among many, and none if all is well', async () => {
  expect(await findUnreadableRuns(db.reaper)).toEqual([]);
  await spoil('job-0', 'job-17', 'job-39');
  expect((await findUnreadableRuns(db.reaper)).map(({ jobId }) => jobId)).toEqual([
    'job-0',
    'job-17',
    'job-39',
  ]);
});

it('names a limited number at a time, and the rest next time', async () => {
  await spoil(...Array.from({ length: 14 }, (_, n) => `job-${n}`));
  expect(await checkRunningJobs(db.reaper)).toHaveLength(10);
  expect(await checkRunningJobs(db.reaper)).toHaveLength(14);
  const { rows } = await db.probe.query('select count(pid) as n from reaper.examinable_run');
  expect(rows).toEqual([{ n: 26 }]);
  await db.admin.query(`update jobs set pid = '7'`);
  expect(await checkRunningJobs(db.reaper)).toEqual([]);
  expect((await db.admin.query('select from reaper.unreadable_run')).rowCount).toBe(0);
});

it('says so when no single row is to blame', async () => {
  const { rows } = await db.admin.query<{ sql: string }>(
    `select pg_get_viewdef('reaper.running_job'::regclass) as sql`,
  );
  const view = (rows[0]?.sql ?? '').replace(/;\s*$/, '');
  await db.admin.query(
    `create or replace view reaper.running_job as select * from (${view}) v where (select 1 / (random() * 0)::int) = 1`,
  );
  await expect(checkRunningJobs(db.reaper)).rejects.toThrow(
    'got "division by zero", and no single row is the cause',
  );
});
