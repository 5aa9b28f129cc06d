import type { Database } from '../../src/db/database.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { createPool, type Pool } from '../../src/db/pool.js';
import { loginAs } from '../support/logins.js';
import { insertRunningJob } from '../support/rows.js';

const DENIED = '42501';
/** The errors for writing to a view: not updatable, not a table, and a column that is computed. */
const VIEW_REFUSES = ['55000', '42809', '0A000'];

let db: TestDatabase;
let worker: Pool;
/** Everything in schema reaper, as the catalog lists it, so that nothing new goes untested. */
let relations: string[];
/** The user's. */
let tables: string[];
let columns: { relation: string; name: string }[];
let sequences: string[];
let functions: { name: string; call: string }[];

beforeAll(async () => {
  db = await createTestDatabase();
  worker = createPool(loginAs('reaper_worker', db.adminUrl), { applicationName: 'test worker' });
  await insertRunningJob(db.admin, { id: 'j1', stage: 'development' });
  relations = await relationsOf('reaper', ['r', 'v', 'm', 'p', 'f']);
  tables = await relationsOf('public', ['r', 'v', 'm', 'p', 'f']);
  sequences = [...(await relationsOf('reaper', ['S'])), ...(await relationsOf('public', ['S']))];
  const attributes = await db.admin.query<{ relation: string; name: string }>(
    `select format('%I.%I', c.relnamespace::regnamespace, c.relname) as relation, format('%I', attname) as name
       from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.relnamespace::regnamespace::text in ('reaper', 'public') and c.relkind in ('r', 'v', 'm', 'p', 'f')
        and a.attnum > 0 and not a.attisdropped order by 1, 2`,
  );
  columns = attributes.rows;
  const procs = await db.admin.query<{ name: string; call: string }>(
    `select p.oid::regprocedure::text as name,
            format('select reaper.%I(%s)', p.proname,
                   (select string_agg('null::' || format_type(t, null), ', ') from unnest(p.proargtypes) t)) as call
       from pg_proc p where p.pronamespace = 'reaper'::regnamespace order by 1`,
  );
  functions = procs.rows;
});
afterAll(async () => {
  await worker.end();
  await db.drop();
});

async function relationsOf(schema: string, kinds: string[]): Promise<string[]> {
  const { rows } = await db.admin.query<{ name: string }>(
    `select format('%I.%I', relnamespace::regnamespace, relname) as name from pg_class
      where relnamespace = $1::regnamespace and relkind = any($2) order by 1`,
    [schema, kinds],
  );
  return rows.map(({ name }) => name);
}

async function codeOf(pool: Database, sql: string): Promise<string> {
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

async function allowed(pool: Database, names: string[], sql: (name: string) => string): Promise<string[]> {
  const result: string[] = [];
  for (const name of names) {
    const code = await codeOf(pool, sql(name));
    if (code !== DENIED && !VIEW_REFUSES.includes(code)) result.push(name);
  }
  return result;
}

async function callable(pool: Database): Promise<string[]> {
  const result: string[] = [];
  for (const { name, call } of functions) if ((await codeOf(pool, call)) !== DENIED) result.push(name);
  return result.map((name) => name.replace(/^reaper\./, '').replace(/\(.*/, ''));
}

describe.each(['reaper', 'probe', 'worker'] as const)('role %s', (role) => {
  const pool = () => (role === 'worker' ? worker : db[role]);

  it('writes and locks no table, view or sequence, of ours or of the user', async () => {
    for (const sql of [
      (name: string) => `insert into ${name} default values`,
      (name: string) => `delete from ${name}`,
      (name: string) => `truncate ${name}`,
      (name: string) => `select from ${name} for key share`,
      (name: string) => `lock table ${name} in row exclusive mode`,
      (name: string) => `alter table ${name} disable trigger all`,
    ]) {
      expect(await allowed(pool(), [...relations, ...tables], sql)).toEqual([]);
    }
    expect([columns.length > 100, sequences.length > 3]).toEqual([true, true]);
    for (const { relation, name } of columns) {
      const update = () => `update ${relation} set ${name} = default`;
      expect(await allowed(pool(), [`${relation}.${name}`], update)).toEqual([]);
    }
    for (const sql of [
      (name: string) => `select nextval('${name}')`,
      (name: string) => `select setval('${name}', 1)`,
    ]) {
      expect(await allowed(pool(), sequences, sql)).toEqual([]);
    }
  });

  it('creates nothing', async () => {
    for (const schema of ['reaper', 'public']) {
      expect(await codeOf(pool(), `create table ${schema}.x (i int)`)).toBe(DENIED);
      const create = `create function ${schema}.finish(text) returns int language sql as 'select 1'`;
      expect(await codeOf(pool(), create)).toBe(DENIED);
    }
    expect(await codeOf(pool(), 'create schema x')).toBe(DENIED);
    expect(await codeOf(pool(), 'alter function reaper.now() owner to current_user')).toBe(DENIED);
    expect(await codeOf(pool(), 'grant reaper to current_user')).toBe(DENIED);
    expect(await codeOf(pool(), 'create role x')).toBe(DENIED);
  });
});

describe('role reaper', () => {
  it('reads the view and our tables, not those of the user', async () => {
    const readable = await allowed(db.reaper, [...relations, ...tables], (name) => `select * from ${name}`);
    expect(readable).toEqual(
      relations.filter((name) => !['reaper.adapter', 'reaper.migration'].includes(name)),
    );
  });

  it('calls exactly the functions it is for: neither lock_run, finish nor advance', async () => {
    expect(await callable(db.reaper)).toEqual([
      'adapter_trouble',
      'age_s',
      'announce_lease_worker',
      'believes_exit',
      'block_on',
      'boots',
      'claim',
      'claim_many',
      'crash_facts',
      'declare_boot_gone',
      'declare_host_gone',
      'declare_host_replaced',
      'find_token',
      'gather_digest',
      'has_stages',
      'hold_on',
      'host_answered_at',
      'host_is_gone',
      'keep_channels',
      'lease_block_on',
      'lock_holder',
      'names_workers',
      'note_claim_trouble',
      'note_clock_step',
      'note_delivery',
      'note_look_back',
      'note_request',
      'note_sweep',
      'note_unreadable',
      'now',
      'owe_backstop_alert',
      'pause',
      'place_is_gone',
      'prune_runs',
      'publish_policy',
      'published',
      'put_hold',
      'record_lease_reclaim',
      'record_sweep',
      'records_exit_codes',
      'release_hold',
      'report_host',
      'report_window',
      'resume',
      'set_mode',
      'settle_notification',
      'stamp_boot',
      'stamp_namespace',
      'take_for_sending',
      'take_for_telegram',
      'token_boot',
      'try_claim',
      'worker_process',
      'worker_token',
      'worker_trouble',
    ]);
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
    const readable = await allowed(db.probe, [...relations, ...tables], (name) => `select * from ${name}`);
    expect(readable).toEqual(['reaper.examinable_run', 'reaper.look_back', 'reaper.running_job']);
  });

  it('calls nothing but the clock, the rule about exit records, what is known about boots, and the reports of its own host and its later looks', async () => {
    expect(await callable(db.probe)).toEqual([
      'believes_exit',
      'boots',
      'note_look_back',
      'now',
      'report_host',
    ]);
  });
});

describe('role reaper_worker', () => {
  it('announces workers, and reads and calls nothing else', async () => {
    expect(await allowed(worker, [...relations, ...tables], (name) => `select * from ${name}`)).toEqual([]);
    expect(await callable(worker)).toEqual(['announce']);
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
