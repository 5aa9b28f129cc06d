import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

describe('a cast below a join', () => {
  /** The view takes exit codes from here, as texts. */
  async function joined(join: string, code = 'e.code'): Promise<void> {
    const { rows } = await db.admin.query<{ name: string }>(
      `select attname as name from pg_attribute where attrelid = 'reaper.running_job'::regclass and attnum > 0 order by attnum`,
    );
    const columns = rows.map(({ name }) => (name === 'exit_code' ? `${code} as exit_code` : `v.${name}`));
    const { rows: views } = await db.admin.query<{ sql: string }>(
      `select pg_get_viewdef('reaper.running_job'::regclass) as sql`,
    );
    const view = (views[0]?.sql ?? '').replace(/;\s*$/, '');
    await db.admin.query(`create table ends (job_id text, code text); analyze ends;
      insert into ends select id, '0' from jobs; insert into ends values ('over', '0');
      create or replace view reaper.running_job as select ${columns.join(', ')} from (${view}) v left join ${join}`);
  }
  const spoilEnd = (...ids: string[]) =>
    db.admin.query(`update ends set code = 'n/a' where job_id = any($1)`, [ids]);

  it.each(['job-7', 'over'])(
    'that is computed for every row accuses nobody, whoever is at fault: %s',
    async (id) => {
      await joined(
        `(select job_id, coalesce(nullif(code, '')::integer, 0) as code from ends) e on e.job_id = v.job_id`,
      );
      await spoilEnd(id);
      await expect(checkRunningJobs(db.reaper)).rejects.toThrow(
        'got "invalid input syntax for type integer: "n/a"" (in exit_code), and no single row is the cause: correct the value',
      );
      expect((await db.admin.query('select from reaper.unreadable_run')).rowCount).toBe(0);
      await db.admin.query(`update ends set code = '1'`);
      expect(await checkRunningJobs(db.reaper)).toEqual([]);
    },
  );

  it.each([
    ['the view', 'ends e on e.job_id = v.job_id', 'e.code::integer'],
    [
      'a subquery that adds nothing',
      '(select job_id, code::integer as code from ends) e on e.job_id = v.job_id',
    ],
    [
      'a lateral subquery',
      `lateral (select code::integer as code from ends where ends.job_id = v.job_id order by job_id limit 1) e on true`,
    ],
    [
      'a lateral aggregate',
      `lateral (select coalesce(max(code::integer), 0) as code from ends where ends.job_id = v.job_id) e on true`,
    ],
  ])('that is computed for one row at a time accuses that row: in %s', async (_, join, code = 'e.code') => {
    await joined(join, code);
    await spoilEnd('job-7', 'job-8', 'over');
    expect((await checkRunningJobs(db.reaper)).map(({ jobId }) => jobId)).toEqual(['job-7', 'job-8']);
    expect(await checkRunningJobs(db.reaper)).toHaveLength(2);
    const { rows } = await db.probe.query('select count(exit_code) as n from reaper.examinable_run');
    expect(rows).toEqual([{ n: 38 }]);
  });
});
