import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob } from '../support/rows.js';

const DENIED = '42501';
/** What whoever writes to a view gets: not updatable, and not a table. */
const VIEW_REFUSES = ['55000', '42809'];
const TABLES = ['jobs', 'agent_runs', 'tasks'].map((name) => `public.${name}`);

let db: TestDatabase;
/** Everything in schema reaper, as the catalog lists it, so that nothing new goes untested. */
let relations: string[];
let functions: { name: string; call: string }[];

beforeAll(async () => {
  db = await createTestDatabase();
  await insertRunningJob(db.admin, { id: 'j1', stage: 'development' });
  const found = await db.admin.query<{ name: string }>(
    `select format('reaper.%I', relname) as name from pg_class
      where relnamespace = 'reaper'::regnamespace and relkind in ('r', 'v') order by 1`,
  );
  relations = found.rows.map(({ name }) => name);
  const procs = await db.admin.query<{ name: string; call: string }>(
    `select p.oid::regprocedure::text as name,
            format('select reaper.%I(%s)', p.proname,
                   (select string_agg('null::' || format_type(t, null), ', ') from unnest(p.proargtypes) t)) as call
       from pg_proc p where p.pronamespace = 'reaper'::regnamespace order by 1`,
  );
  functions = procs.rows;
});
afterAll(() => db.drop());

async function codeOf(pool: pg.Pool, sql: string): Promise<string> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(sql);
    return 'allowed';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

async function allowed(pool: pg.Pool, names: string[], sql: (name: string) => string): Promise<string[]> {
  const result: string[] = [];
  for (const name of names) {
    const code = await codeOf(pool, sql(name));
    if (code !== DENIED && !VIEW_REFUSES.includes(code)) result.push(name);
  }
  return result;
}

async function callable(pool: pg.Pool): Promise<string[]> {
  const result: string[] = [];
  for (const { name, call } of functions) if ((await codeOf(pool, call)) !== DENIED) result.push(name);
  return result.map((name) => name.replace(/^reaper\./, '').replace(/\(.*/, ''));
}

describe('role reaper', () => {
  it('writes no table and no view, of ours or of the user', async () => {
    for (const sql of [
      (name: string) => `insert into ${name} default values`,
      (name: string) => `delete from ${name}`,
      (name: string) => `truncate ${name}`,
    ]) {
      expect(await allowed(db.reaper, [...relations, ...TABLES], sql)).toEqual([]);
    }
    expect(await codeOf(db.reaper, `update reaper.control set paused = false`)).toBe(DENIED);
    expect(await codeOf(db.reaper, `update reaper.notification set owed = false`)).toBe(DENIED);
    expect(VIEW_REFUSES).toContain(await codeOf(db.reaper, `update reaper.running_job set pid = 1`));
    expect(await codeOf(db.reaper, `select from reaper.control for update`)).toBe(DENIED);
    expect(await codeOf(db.reaper, `update public.jobs set status = 'done'`)).toBe(DENIED);
  });

  it('reads the view and our tables, not those of the user', async () => {
    const readable = await allowed(db.reaper, [...relations, ...TABLES], (name) => `select * from ${name}`);
    expect(readable).toEqual(relations.filter((name) => name !== 'reaper.migration'));
  });

  it('calls exactly the functions it is for: neither lock_run, finish nor advance', async () => {
    expect(await callable(db.reaper)).toEqual([
      'age_s',
      'announce_lease_worker',
      'block_on',
      'claim',
      'declare_host_gone',
      'has_stages',
      'hold_on',
      'lease_block_on',
      'note_clock_step',
      'note_delivery',
      'now',
      'owe_backstop_alert',
      'pause',
      'publish_policy',
      'put_hold',
      'record_lease_reclaim',
      'record_sweep',
      'release_hold',
      'resume',
      'set_mode',
      'settle_notification',
      'take_for_telegram',
    ]);
  });

  it('creates nothing', async () => {
    expect(await codeOf(db.reaper, 'create table reaper.x (i int)')).toBe(DENIED);
    expect(
      await codeOf(db.reaper, `create function reaper.finish(text) returns int language sql as 'select 1'`),
    ).toBe(DENIED);
    expect(await codeOf(db.reaper, 'alter function reaper.now() owner to current_user')).toBe(DENIED);
  });

  it('cannot slip its own function under the claim through the search path', async () => {
    const { rows } = await db.admin.query<{ name: string }>(
      `select proname as name from pg_proc
        where pronamespace = 'reaper'::regnamespace and prosecdef
          and not coalesce(array_to_string(proconfig, ','), '') like '%search_path=pg_catalog, pg_temp%'`,
    );
    expect(rows).toEqual([]);
  });
});

describe('role reaper_probe', () => {
  it('reads the running jobs and nothing else', async () => {
    const readable = await allowed(db.probe, [...relations, ...TABLES], (name) => `select * from ${name}`);
    expect(readable).toEqual(['reaper.examinable_run', 'reaper.running_job']);
  });

  it('writes nothing and calls nothing but the clock', async () => {
    for (const sql of [
      (name: string) => `insert into ${name} default values`,
      (name: string) => `delete from ${name}`,
    ]) {
      expect(await allowed(db.probe, [...relations, ...TABLES], sql)).toEqual([]);
    }
    expect(await callable(db.probe)).toEqual(['now']);
  });
});

it('lets PUBLIC into nothing', async () => {
  const { rows } = await db.admin.query(
    `select p.oid::regprocedure::text as name from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
      where p.pronamespace = 'reaper'::regnamespace and a.grantee = 0
     union all
     select c.relname from pg_class c, aclexplode(c.relacl) a
      where c.relnamespace = 'reaper'::regnamespace and a.grantee = 0
     union all
     select n.nspname from pg_namespace n, aclexplode(n.nspacl) a where n.nspname = 'reaper' and a.grantee = 0`,
  );
  expect(rows).toEqual([]);
});
