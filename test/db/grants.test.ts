import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrate } from '../../src/db/migrate.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let db: TestDatabase;

beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.drop());

/** Who may do what in schema reaper, without its owner, who may do everything. */
async function grants(): Promise<string[]> {
  const { rows } = await db.admin.query<{ line: string }>(
    `with acl as (
       select n.nspname::text as name, n.nspacl as acl, n.nspowner as owner from pg_namespace n where n.nspname = 'reaper'
       union all select c.relname, c.relacl, c.relowner from pg_class c where c.relnamespace = 'reaper'::regnamespace
       union all select c.relname || '.' || a.attname, a.attacl, c.relowner from pg_attribute a
         join pg_class c on c.oid = a.attrelid where c.relnamespace = 'reaper'::regnamespace
       union all select p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner
         from pg_proc p where p.pronamespace = 'reaper'::regnamespace)
     select format('%s %s %s', case grantee when 0 then 'public' else grantee::regrole::text end, privilege_type, name) as line
       from acl, aclexplode(acl) where grantee <> owner order by 1`,
  );
  return rows.map(({ line }) => line);
}

it('migrating again restores the grants of both roles, whatever was granted meanwhile', async () => {
  const before = await grants();
  expect(before).toContain('reaper SELECT ledger');
  const { rows } = await db.admin.query<{ relation: string; column: string }>(
    `select format('reaper.%I', c.relname) as relation, (select format('%I', attname) from pg_attribute
              where attrelid = c.oid and attnum = 1) as "column"
       from pg_class c where relnamespace = 'reaper'::regnamespace and relkind in ('r', 'v')`,
  );
  for (const { relation, column } of rows) {
    await db.admin.query(`grant update (${column}) on ${relation} to reaper, reaper_probe, public`);
  }
  await db.admin.query('create procedure reaper.of_an_adapter() language sql as $$ select 1 $$');
  await db.admin.query(
    `grant all on schema reaper to reaper, reaper_probe, public;
     grant all on all tables in schema reaper to reaper, reaper_probe, public;
     grant all on all sequences in schema reaper to reaper, reaper_probe, public;
     grant all on all routines in schema reaper to reaper, reaper_probe, public`,
  );
  expect((await grants()).length).toBeGreaterThan(before.length);
  await migrate(db.adminUrl, null);
  expect(await grants()).toEqual(before);
});

it('revokes what a default privilege of the owner grants, and keeps what was granted on purpose', async () => {
  const [reader, monitor] = ['reader', 'monitor'].map(
    (name) => `${name}_${Math.random().toString(36).slice(2)}`,
  );
  await db.admin.query(`
    create role ${reader}; create role ${monitor};
    alter default privileges grant all on tables to ${reader};
    alter default privileges grant all on functions to ${reader};
    alter default privileges in schema reaper grant all on sequences to ${reader};
    grant usage on schema reaper to ${reader}, ${monitor}; grant select on reaper.status to ${monitor}`);
  try {
    const before = await grants();
    // Like a table of a later version: it comes with the default privileges.
    await db.admin.query(`create table reaper.of_a_later_version (id bigint generated always as identity)`);
    expect((await grants()).filter((line) => line.startsWith(reader ?? '')).length).toBeGreaterThan(2);
    await migrate(db.adminUrl, null);
    const after = await grants();
    expect(after.filter((line) => line.startsWith(reader ?? ''))).toEqual([]);
    expect(after).toEqual(before.filter((line) => !line.startsWith(reader ?? '')));
    expect(after).toContain(`${monitor} SELECT status`);
  } finally {
    await db.admin.query(`drop owned by ${reader}, ${monitor}; drop role ${reader}; drop role ${monitor}`);
  }
});
