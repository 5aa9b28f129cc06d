import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { tryNotes } from '../../src/db/inspect/note-trial.js';
import { migrate } from '../../src/db/migrate.js';
import { sessionName } from '../../src/stamp.js';
import { OpenTransaction } from '../support/locks.js';
import { BossWorld, type BossVersion } from './pg-boss-world.js';
import { Writers } from './writers.js';

// Nothing of ours fails or stalls the queue's own statements, whatever becomes of it.

let world: BossWorld;
let writers: Writers;

/** What the queue itself writes when it takes a job, with the names that its columns have. */
async function write(names: Record<string, string> = {}, without: string[] = []): Promise<void> {
  const job = world.table('job');
  const column = (name: string) => names[name] ?? name;
  const set = (name: string, value: string) => (without.includes(name) ? '' : `, ${column(name)} = ${value}`);
  const taken = [set('started_on', 'now()'), set('retry_count', `${column('retry_count')} + 1`)].join('');
  writers = await Writers.start(
    { connectionString: world.url, application_name: sessionName(), statement_timeout: 1_000 },
    `update ${job} j set ${column('state')} = 'active'${taken}
       from (select tableoid, ctid from ${job} where ${column('state')} < 'active' limit 1 for update skip locked) n
      where j.ctid = n.ctid and j.tableoid = n.tableoid returning 1`,
    `update ${job} set ${column('state')} = 'created' where ${column('state')} = 'active'`,
  );
  const running = writers;
  onTestFinished(async () => {
    await running.end();
  });
}

/** A transaction of ours that stays open until the test says so, or ends. */
async function open(sql: string): Promise<{ end: () => Promise<void> }> {
  const transaction = await OpenTransaction.begin(world.admin);
  let isOver = false;
  const end = async () => {
    if (isOver) return;
    isOver = true;
    await transaction.rollback();
  };
  onTestFinished(end);
  await transaction.run(sql);
  return { end };
}

async function notes(): Promise<number> {
  const { rows } = await world.admin.query<{ n: number }>('select count(*) as n from reaper.run_process');
  return rows[0]?.n ?? 0;
}

describe.each<BossVersion>(['pg-boss', 'pg-boss-before'])('%s', (version) => {
  beforeAll(async () => {
    world = await BossWorld.of(version);
    await world.admin.query(
      `insert into ${world.table('job')} (name, policy) select 'work', 'standard' from generate_series(1, 40)`,
    );
  });
  afterAll(() => world.end());
  beforeEach(async () => {
    await world.admin.query(`update ${world.table('job')} set state = 'created'`);
  });

  it('as long as nothing is wrong, each take is noted', async () => {
    await world.admin.query('delete from reaper.run_process');
    await write();
    await writers.go();
    expect(await writers.end()).toEqual([]);
    expect(await notes()).toBe(writers.takes);
  });

  it('an ACCESS EXCLUSIVE lock on each of our tables', async () => {
    const { rows } = await world.admin.query<{ name: string }>(
      `select format('reaper.%I', relname) as name from pg_class where relnamespace = 'reaper'::regnamespace and relkind = 'r'`,
    );
    await write();
    for (const { name } of rows) {
      const locked = await open(`lock table ${name} in access exclusive mode`);
      await writers.go(20);
      await locked.end();
    }
    expect(rows.length).toBeGreaterThan(20);
    expect(await writers.end()).toEqual([]);
  });

  it('the lock with a statement timeout of the application that is shorter than any wait', async () => {
    const locked = await open('lock table reaper.run_process in access exclusive mode');
    await write();
    for (const client of writers.clients) void client.query(`set statement_timeout = '40ms'`);
    await writers.go(20);
    // A busy machine can be slower than that by itself; what waits for a lock is another matter.
    const { rows } = await world.admin.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and wait_event = 'relation'`,
    );
    expect(rows).toEqual([]);
    await locked.end();
  });

  it('a removal of ours that does not commit, a prune that does not, and a migration', async () => {
    await write();
    for (const sql of [
      'drop schema reaper cascade',
      'select reaper.prune_runs(10000)',
      'truncate reaper.run_process',
    ]) {
      const open = await OpenTransaction.begin(world.admin);
      await open.run(sql);
      await writers.go();
      await open.rollback();
    }
    expect(await migrate(world.url, null)).toMatchObject({ notes: [] });
    await writers.go();
    expect(await writers.end()).toEqual([]);
  });

  it('functions and columns of ours that have other names, and a note that cannot be written', async () => {
    const rename = async (from: string, to: string) => {
      const { rows } = await world.admin.query<{ sql: string }>(
        `select format('alter function %s rename to %I', p.oid::regprocedure, replace(p.proname, $1, $2)) as sql from pg_proc p
          where (p.pronamespace = 'reaper'::regnamespace or p.proname like 'reaper%note') and p.proname like '%' || $1 || '%'`,
        [from, to],
      );
      return rows.map(({ sql }) => sql);
    };
    await write();
    const renamed = await rename('e', '3');
    expect(renamed.length).toBeGreaterThan(40);
    for (const sql of renamed) await world.admin.query(sql);
    await writers.go();
    for (const sql of await rename('3', 'e')) await world.admin.query(sql);
    for (const column of ['job_id', 'run_key', 'name', 'noted_at']) {
      await world.admin.query(`alter table reaper.run_process rename ${column} to other`);
      await writers.go();
      await world.admin.query(`alter table reaper.run_process rename other to ${column}`);
    }
    await world.admin.query('alter table reaper.run_process add constraint none check (false) not valid');
    await writers.go();
    expect((await tryNotes(world.admin))?.message).toContain('violates check constraint "none"');
    await world.admin.query('alter table reaper.run_process drop constraint none');
    expect(await tryNotes(world.admin)).toBeNull();
    expect(await writers.end()).toEqual([]);
  });

  it.each(['state', 'name', 'id', 'started_on', 'retry_count', 'retry_limit', 'singleton_key'])(
    "the queue's column %s has another name",
    async (column) => {
      await world.admin.query(`alter table ${world.table('job')} rename ${column} to other`);
      try {
        await write({ [column]: 'other' });
        await writers.go();
        expect(await writers.end()).toEqual([]);
      } finally {
        await world.admin.query(`alter table ${world.table('job')} rename other to ${column}`);
      }
    },
  );

  it('a statement that takes many jobs notes the first 64, and none fails', async () => {
    await world.admin.query(
      `delete from reaper.run_process; insert into ${world.table('job')} (name) select 'work' from generate_series(1, 100)`,
    );
    await write();
    await writers.end();
    await world.admin.query(
      `update ${world.table('job')} set state = 'created'; delete from reaper.run_process`,
    );
    const take = `update ${world.table('job')} set state = 'active', started_on = clock_timestamp(), retry_count = retry_count + 1`;
    await world.admin.query(`begin; set local application_name = 'pgboss all'; ${take}; commit`);
    expect(await notes()).toBe(64);
    await world.admin.query(
      `update ${world.table('job')} set state = 'created'; delete from reaper.run_process`,
    );
    // Only its own sessions count.
    await world.admin.query(`begin; set local application_name = 'psql'; ${take}; commit`);
    expect(await notes()).toBe(0);
  });

  it("the queue's columns are dropped with what of ours depends on them, and so is our schema", async () => {
    for (const column of ['singleton_key', 'retry_limit', 'retry_count', 'started_on']) {
      await world.admin.query(`alter table ${world.table('job')} drop column ${column} cascade`);
      await write({}, ['started_on', 'retry_count']);
      await writers.go();
      expect(await writers.end()).toEqual([]);
    }
    await write({}, ['started_on', 'retry_count']);
    await world.admin.query('drop schema reaper cascade');
    await writers.go();
    expect(await writers.end()).toEqual([]);
  });
});
