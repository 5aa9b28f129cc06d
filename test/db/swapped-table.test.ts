import { describe, expect, it, onTestFinished } from 'vitest';
import { checkRunningJobs } from '../../src/db/check-running-jobs.js';
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

describe("a user's own view behind the adapter's", () => {
  /** The queue reads `work` through a view that adds what two other tables say. */
  async function behindAView(): Promise<{ url: string; admin: Database; ours: Database }> {
    const { url, admin } = await emptyDatabase();
    await admin.query(`create sequence work_execution; create table work (
      id bigint generated always as identity primary key, topic text not null, state text not null default 'waiting',
      tries integer not null default 0, execution bigint, worker text, pid integer, stamp text, active_since timestamptz,
      exited_with integer, exited_at timestamptz, note text);
      create table teams (work_id bigint, team text);
      create table "the ""Ends""" (work_id bigint, code integer);
      create view open_work as select w.*, t.team, e.code from work w
        left join teams t on t.work_id = w.id left join "the ""Ends""" e on e.work_id = w.id`);
    const overView = (sql: string) => sql.replace('from public.work w', 'from public.open_work w');
    await migrate(url, await ourQueue('queue.sql', overView));
    await admin.query(`select reaper.set_mode('active', 'test')`);
    const ours = createPool(url, { applicationName: 'test swapped' });
    onTestFinished(() => ours.end());
    return { url, admin, ours };
  }
  const OTHER_VIEW = (team: string, from: string) =>
    `create or replace view open_work as
       select w.id, w.topic, w.state, w.tries, w.execution, w.worker, w.pid, w.stamp, w.active_since, w.exited_with, w.exited_at, w.note,
              ${team} as team, e.code from ${from} left join "the ""Ends""" e on e.work_id = w.id`;

  it.each([
    ['dropped', `alter table work add column team text; ${OTHER_VIEW('w.team', 'work w')}; drop table teams`],
    ['left alone', OTHER_VIEW('null::text', 'work w')],
    [
      'replaced by another',
      `create table members (work_id bigint, team text);
       ${OTHER_VIEW('m.team', 'work w left join members m on m.work_id = w.id')}; drop table teams`,
    ],
    [
      'swapped, and the view made again',
      `create table teams_new (like teams); alter table teams rename to teams_old; alter table teams_new rename to teams;
       ${OTHER_VIEW('t.team', 'work w left join teams t on t.work_id = w.id')}`,
    ],
  ])('a table that it no longer reads stops nothing: %s', async (_, change) => {
    const { admin, ours } = await behindAView();
    const run = await insertWork(admin);
    await admin.query(change);
    expect(await checkRunningJobs(ours)).toEqual([]);
    expect(await claimRun(ours, run)).toMatchObject({ result: 'won' });
    expect([await stateOf(admin, run.jobId), await countLedger(admin)]).toEqual(['waiting', 1]);
  });

  it.each([
    ['the queue', SWAP, 'to read public.work, got a view of the table that had this name before'],
    [
      'another table',
      `create table teams_new (like teams); alter table teams rename to teams_old; alter table teams_new rename to teams`,
      'to read public.teams, got a view of the table that had this name before',
    ],
    ['a table under an odd name', `alter table "the ""Ends""" rename to ends`, 'it was renamed'],
    [
      'the queue, by a view of another table while finish still writes to the first',
      `create table work_2 as select * from work; ${OTHER_VIEW('null::text', 'work_2 w')}`,
      "to read public.work, which the adapter's functions name, got a view of other tables",
    ],
  ])('what was swapped refuses claims and sweeps: %s', async (_, change, why) => {
    const { url, admin, ours } = await behindAView();
    const run = await insertWork(admin);
    await admin.query(change);
    await expect(checkRunningJobs(ours)).rejects.toThrow(why);
    expect(await claimRun(ours, run)).toMatchObject({
      result: 'changed',
      detail: expect.stringContaining(why) as string,
    });
    expect([await stateOf(admin, run.jobId), await countLedger(admin)]).toEqual(['active', 0]);
    await migrate(url, null);
  });
});
