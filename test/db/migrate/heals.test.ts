import { expect, it } from 'vitest';
import { migrate } from '../../../src/db/migrate.js';
import { claimRun } from '../../support/claims.js';
import { createAdminPool, createTestDatabase } from '../../support/database.js';
import { OpenTransaction } from '../../support/locks.js';
import { insertRunningJob } from '../../support/rows.js';
import { startPostgres } from '../../../servers/index.js';
import { embeddedEnv, silent, stoppedAfterwards } from '../../servers/support.js';
import { emptyDatabase, insertWork, ourQueue } from './support.js';
import { memoryFolder } from '../../support/memory-folder.js';
import { eventually } from '../../support/wait.js';

it('a view that was dropped so that a column could be altered', async () => {
  const db = await createTestDatabase();
  try {
    await expect(db.admin.query('alter table jobs alter column pid type bigint')).rejects.toThrow('view');
    await db.admin.query(
      'drop view reaper.running_job cascade; alter table jobs alter column pid type bigint',
    );
    expect(await migrate(db.adminUrl, null)).toMatchObject({ adapter: 'reference', mode: 'active' });
    const ref = await insertRunningJob(db.admin, { id: 'j1', pid: 4242 });
    const { rows } = await db.probe.query('select job_id from reaper.examinable_run');
    expect(rows).toEqual([{ job_id: 'j1' }]);
    expect((await db.reaper.query('select running from reaper.status')).rows).toEqual([{ running: 1 }]);
    expect(await claimRun(db.reaper, ref)).toMatchObject({ result: 'won' });
  } finally {
    await db.drop();
  }
});

it('the same with an adapter of the user, whose file is gone', async () => {
  const { url, admin } = await emptyDatabase();
  await migrate(url, await ourQueue('queue.sql'));
  await admin.query('drop view reaper.running_job cascade');
  expect(await migrate(url, null)).toMatchObject({ adapter: 'queue', mode: 'observe', notes: [] });
  await insertWork(admin);
  expect((await admin.query('select running from reaper.status')).rows).toEqual([{ running: 1 }]);
});

it('says what to do when an older version stored no text, and the view is gone', async () => {
  const { url, admin } = await emptyDatabase();
  const path = await ourQueue('queue.sql');
  await migrate(url, path);
  await admin.query(`delete from reaper.adapter; update reaper.control set adapter = './queue.sql'`);
  const { notes } = await migrate(url, null);
  expect(notes).toEqual([expect.stringContaining('is not stored yet: run job-reaper migrate --adapter')]);
  await admin.query('drop view reaper.running_job cascade');
  await expect(migrate(url, null)).rejects.toThrow('got neither: run job-reaper migrate --adapter');
  await admin.query(`select reaper.set_mode('active', 'test')`);
  expect(await migrate(url, path)).toMatchObject({ mode: 'active', adapter: 'queue', notes: [] });
});

it('a table that was swapped', async () => {
  const db = await createTestDatabase();
  try {
    await db.admin.query(`
      create table jobs_new (like jobs including all);
      alter table jobs rename to jobs_old;
      alter table jobs_new rename to jobs`);
    await insertRunningJob(db.admin, { id: 'j1' });
    const running = async (): Promise<unknown[]> =>
      (await db.reaper.query<{ job_id: string }>('select job_id from reaper.running_job')).rows;
    const trouble = async (): Promise<unknown[]> =>
      (await db.reaper.query<{ text: string }>('select reaper.adapter_trouble() as text')).rows;
    expect(await running()).toEqual([]);
    expect(await trouble()).toEqual([{ text: expect.stringContaining('to read public.jobs') as string }]);
    await migrate(db.adminUrl, null);
    expect(await running()).toEqual([{ job_id: 'j1' }]);
    expect(await trouble()).toEqual([]);
  } finally {
    await db.drop();
  }
});

it('says which view of the user still reads the table that was renamed away', async () => {
  const { url, admin } = await emptyDatabase();
  const overView = (sql: string) => sql.replace('from public.work w', 'from public.open_work w');
  await admin.query(`create sequence work_execution; create table work (
    id bigint generated always as identity primary key, topic text not null, state text not null default 'waiting',
    tries integer not null default 0, execution bigint, worker text, pid integer, stamp text, active_since timestamptz,
    exited_with integer, exited_at timestamptz, note text);
    create view open_work as select * from work`);
  await migrate(url, await ourQueue('queue.sql', overView));
  await admin.query(`create table work_new (like work including all);
    alter table work rename to work_old; alter table work_new rename to work`);
  const { notes } = await migrate(url, null);
  expect(notes).toEqual([expect.stringContaining('Does public.open_work still read public.work?')]);
});

it('tables whose sequences are behind, as in a copy made by logical replication', async () => {
  const db = await createTestDatabase();
  try {
    const first = await insertRunningJob(db.admin, { id: 'j1', pid: 4242 });
    await claimRun(db.reaper, first);
    await db.admin.query('alter table reaper.ledger alter column id restart with 1');
    const second = await insertRunningJob(db.admin, { id: 'j2', pid: 4242 });
    await expect(claimRun(db.reaper, second)).rejects.toThrow('duplicate key');
    await migrate(db.adminUrl, null);
    expect(await claimRun(db.reaper, second)).toMatchObject({ result: 'won' });
  } finally {
    await db.drop();
  }
});

it('roles that are missing, as on a new server on which a dump was restored', async () => {
  const server = await stoppedAfterwards(
    startPostgres({ log: silent, env: embeddedEnv(), dir: await memoryFolder() }),
  );
  await migrate(server.adminUrl, 'reference');
  const admin = createAdminPool(server.adminUrl);
  try {
    await admin.query('drop owned by reaper, reaper_probe; drop role reaper; drop role reaper_probe');
    expect(await migrate(server.adminUrl, null)).toMatchObject({ applied: [], mode: 'active' });
    const { rows } = await admin.query(
      `select r as role, has_table_privilege(r, 'reaper.running_job', 'select') as reads,
              has_function_privilege(r, 'reaper.resume(text)', 'execute') as calls
         from unnest(array['reaper', 'reaper_probe']) r`,
    );
    expect(rows).toEqual([
      { role: 'reaper', reads: true, calls: true },
      { role: 'reaper_probe', reads: true, calls: false },
    ]);
  } finally {
    await admin.end();
  }
});

it('and does so despite a row that cannot be read', async () => {
  const { url, admin } = await emptyDatabase();
  const path = await ourQueue('queue.sql', (sql) =>
    sql
      .replace('active_since timestamptz', 'active_since text')
      .replace('w.active_since ', 'w.active_since::timestamptz '),
  );
  await migrate(url, path);
  await insertWork(admin);
  await admin.query(`update work set active_since = 'yesterday evening'`);
  const { notes } = await migrate(url, null);
  expect(notes).toEqual([expect.stringContaining('job-reaper doctor names it')]);
});

it.each([
  [
    'a joined subquery',
    `left join (select work_id, coalesce(code::integer, 0) as code from ends) e on e.work_id = w.id`,
    'e.code',
    true,
  ],
  [
    'a lateral subquery',
    `left join lateral (select coalesce(max(code::integer), 0) as code from ends where work_id = w.id) e on true`,
    'e.code',
    false,
  ],
  ['the view itself', 'left join ends e on e.work_id = w.id', 'coalesce(e.code::integer, 0)', false],
])('warns of a cast that one value anywhere would break: in %s', async (_, join, code, isWarned) => {
  const { url, admin } = await emptyDatabase();
  await admin.query('create table ends (work_id bigint, code text)');
  const path = await ourQueue('queue.sql', (sql) =>
    sql
      .replace(
        'from public.work w',
        `from public.work w ${join.replace('from ends', 'from public.ends').replace('join ends', 'join public.ends')}`,
      )
      .replace('w.exited_with     as exit_code', `${code} as exit_code`),
  );
  const { notes } = await migrate(url, path);
  expect(notes).toEqual(
    isWarned
      ? [expect.stringContaining('The view computes COALESCE((ends.code)::integer, 0) for every row')]
      : [],
  );
});

it('a deadlock with a session that reads the views, in the order in which reading locks them', async () => {
  const db = await createTestDatabase();
  try {
    const reader = await OpenTransaction.begin(db.admin);
    // The one that gives way is migrate.
    await reader.run(`set local deadlock_timeout = '30s'`);
    // Locks this view, and not yet those below it.
    await reader.run('create temporary view its as select job_id from reaper.troubled_run');
    const migrated = migrate(db.adminUrl, null);
    await eventually('migrate to wait', async () => {
      const { rowCount } = await db.admin.query(
        `select from pg_locks where relation = 'reaper.troubled_run'::regclass and not granted`,
      );
      return rowCount === 1;
    });
    await reader.run('select from reaper.running_job');
    await reader.rollback();
    expect(await migrated).toMatchObject({ adapter: 'reference', mode: 'active' });
  } finally {
    await db.drop();
  }
});
