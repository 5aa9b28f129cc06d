import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createGates } from '../../src/gates/index.js';
import { useDatabase } from './database.js';
import { check, input, until } from './support.js';

vi.setConfig({ testTimeout: 30_000 });

const database = useDatabase(`
  create table work_item (id text primary key, merged boolean, reviews bigint);
  create sequence counter;
  create function write_it() returns boolean language plpgsql as
    $$ begin insert into work_item values ('sneaked', true, 0); return true; end $$;
  create procedure commit_it() language plpgsql as
    $$ begin commit; insert into work_item values ('sneaked', true, 0); end $$;
`);

beforeEach(async () => {
  await database.sql(`
    truncate work_item;
    insert into work_item values ('W-1', true, 2), ('W-2', false, 0), ('W-3', null, 9007199254740993);
    select setval('counter', 1, false);
  `);
});

function ask(query: string) {
  return check({ kind: 'sql', query }, {}, { databaseUrl: database.url() });
}

describe('nothing is written', () => {
  it.each([
    `insert into work_item values ('x', true, 0) returning true`,
    `with new as (insert into work_item values ('x', true, 0) returning true) select * from new`,
    'delete from work_item',
    'drop table work_item',
    'select write_it()',
    `select nextval('counter') = 1`,
    `select setval('counter', 99) = 99`,
    'select true from work_item for update',
    'call commit_it()',
    `do $$ begin insert into work_item values ('x', true, 0); end $$`,
    // A second statement.
    'commit; drop table work_item',
    'select true; commit; drop table work_item',
    'select true) as a; commit; drop table work_item; select * from (select true',
    'select true) as a limit 1; rollback; drop table work_item; --',
    `select true) as a; set transaction read write; delete from work_item; select * from (select true`,
    // Attempts to leave READ ONLY.
    'commit',
    'rollback',
    'set transaction read write',
    `select write_it() from set_config('transaction_read_only', 'off', false)`,
    `select set_config('transaction_read_only', 'off', false) = 'off' and write_it()`,
    '/*',
    `select 'x`,
  ])('by %s', async (query) => {
    const result = await ask(query);
    expect(result).toMatchObject({ green: false });
    expect(result.evidence).toHaveProperty('error');
    const { rows } = await database.sql(
      'select (select count(*)::int from work_item) as items, (select is_called from counter) as counted',
    );
    expect(rows).toEqual([{ items: 3, counted: false }]);
  });

  it('reports what Postgres says', async () => {
    const result = await ask('select write_it()');
    expect(result).toMatchObject({
      reason: 'the gate failed: cannot execute INSERT in a read-only transaction',
      evidence: { code: '25006' },
    });
  });

  it('and the protocol rejects a second statement', async () => {
    const result = await ask('select true) as a; commit; drop table work_item; select * from (select true');
    expect(result.reason).toContain('cannot insert multiple commands into a prepared statement');
  });

  it('and nothing is left in the session: every check has its own', async () => {
    const gates = createGates({ databaseUrl: database.url() });
    onTestFinished(() => gates.close());
    const one = (query: string) => gates.check({ kind: 'sql', query }, input(), new AbortController().signal);
    const backends = [await one('select pg_backend_pid()'), await one('select pg_backend_pid()')];
    expect(new Set(backends.map(({ reason }) => reason)).size).toBe(2);
    expect(await one('select pg_try_advisory_lock(7)')).toMatchObject({ green: true });
    await until(async () => (await database.sessions()).length === 0);
    expect((await database.sql('select pg_try_advisory_lock(7) as free')).rows).toEqual([{ free: true }]);
  });
});
