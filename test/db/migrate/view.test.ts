import { describe, expect, it } from 'vitest';
import { migrate } from '../../../src/db/migrate.js';
import { createTestDatabase } from '../../support/database.js';
import { emptyDatabase, insertWork, ourQueue } from './support.js';

const TIMESTAMP = (sql: string) =>
  sql
    .replace('active_since timestamptz', 'active_since timestamp')
    .replace('exited_at    timestamptz', 'exited_at timestamp');
const since = (expression: string) => (sql: string) =>
  TIMESTAMP(sql)
    .replace('w.active_since    as started_at', `${expression} as started_at`)
    .replace('w.exited_at       as finished_at', `w.exited_at at time zone 'UTC' as finished_at`);

describe('a time without a zone', () => {
  it('is refused by the rows that show it, whatever hides the cast', async () => {
    const { url, admin } = await emptyDatabase();
    await admin.query(`create function in_our_zone(timestamp) returns timestamptz language plpgsql stable
                         as $$ begin return $1::timestamptz; end $$`);
    const path = await ourQueue('queue.sql', since('in_our_zone(w.active_since)'));
    await migrate(url, path);
    const { jobId } = await insertWork(admin);
    await expect(migrate(url, path)).rejects.toThrow(
      `started_at differs between time zones (jobs ${jobId}): say in the adapter which zone the column is written in, such as started_at at time zone 'UTC'`,
    );
    await expect(migrate(url, null)).rejects.toThrow('started_at differs between time zones');
  });

  it('is refused by its cast before there is a row', async () => {
    const { url } = await emptyDatabase();
    const path = await ourQueue('queue.sql', since('w.active_since::timestamptz'));
    await expect(migrate(url, path)).rejects.toThrow(
      "Expected times and run keys that do not depend on the time zone, got: started_at differs between time zones (by a cast in the view's text)",
    );
  });

  it('is accepted when the adapter says which zone it is in', async () => {
    const { url, admin } = await emptyDatabase();
    const path = await ourQueue('queue.sql', since(`w.active_since at time zone 'UTC'`));
    await migrate(url, path);
    await insertWork(admin);
    await migrate(url, path);
  });

  it('is refused in a run key', async () => {
    const { url, admin } = await emptyDatabase();
    const path = await ourQueue('queue.sql', (sql) =>
      sql.replace('w.execution::text as run_key', 'w.active_since::text as run_key'),
    );
    await migrate(url, path);
    await insertWork(admin);
    await expect(migrate(url, path)).rejects.toThrow(/run_key differs between .* extract\(epoch from/);
  });
});

describe('a helper function in the view', () => {
  const withHelper = (sql: string) =>
    `create or replace function reaper.our_host(p text) returns text language plpgsql as $$ begin return lower(p); end $$;\n` +
    sql.replace('w.worker          as host', 'reaper.our_host(w.worker) as host');

  it('may be called by the roles that read the view, and by no other', async () => {
    const { url, admin } = await emptyDatabase();
    await migrate(url, await ourQueue('queue.sql', withHelper));
    await insertWork(admin);
    await admin.query('begin; set local role reaper_probe; select host from reaper.examinable_run; rollback');
    const { rows } = await admin.query(
      `select has_function_privilege('public', 'reaper.our_host(text)', 'execute') as everybody`,
    );
    expect(rows).toEqual([{ everybody: false }]);
  });
});

it('rows that a policy hides are refused', async () => {
  const db = await createTestDatabase();
  try {
    await db.admin.query(`
      create role hidden_from_us nologin;
      grant create, usage on schema public to hidden_from_us;
      create table public.hidden as select * from jobs;
      alter table public.hidden enable row level security`);
    await db.admin.query(`create view public.some_jobs as select * from public.hidden`);
    await db.admin.query(`grant select on public.hidden to hidden_from_us`);
    await db.admin.query(`alter view public.some_jobs owner to hidden_from_us`);
    const path = await ourQueue('queue.sql', () => HIDDEN);
    await expect(migrate(db.adminUrl, path)).rejects.toThrow(
      /Expected role reaper to see every row of reaper.running_job, got "query would be affected by row-level security policy/,
    );
  } finally {
    await db.admin.query('drop owned by hidden_from_us; drop role hidden_from_us');
    await db.drop();
  }
});

/** The reference adapter's view, over another owner's view of the table. */
const HIDDEN = `
  create or replace view reaper.running_job as
    select id as job_id, attempts::text as run_key, run_id, task_id, agent, repo, host, pid::bigint as pid, process_identity,
           attempts, max_attempts, null::bigint as max_running_s, started_at, null::integer as exit_code,
           null::timestamptz as finished_at, null::text as branch, null::text as stage, null::text as job_stage,
           null::text as work_item
      from public.some_jobs where status = 'running';
  create or replace function reaper.lock_run(p_job_id text, p_run_key text) returns setof reaper.running_job
    language sql as $$ select * from reaper.running_job $$;
  create or replace function reaper.finish(p_job_id text, p_run_key text, p_status text, p_error text) returns boolean
    language sql as $$ select false $$;`;
