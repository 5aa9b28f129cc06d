import { expect, it } from 'vitest';
import { migrate } from '../../../src/db/migrate.js';
import { createTestDatabase } from '../../support/database.js';
import { OpenTransaction } from '../../support/locks.js';
import { insertRunningJob } from '../../support/rows.js';
import { eventually } from '../../support/wait.js';

const valid = `select indisvalid as valid from pg_index where indexrelid = to_regclass('public.jobs_running_idx')`;

it('builds an index while others write, and waits for them instead of blocking them', async () => {
  const db = await createTestDatabase();
  try {
    await db.admin.query('drop index jobs_running_idx');
    const writer = await OpenTransaction.begin(db.admin);
    await writer.run(`insert into jobs (id) values ('open')`);
    const migrating = migrate(db.adminUrl, null);
    await eventually('the build to wait for the open transaction', async () => {
      const { rows } = await db.admin.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
            and query ilike 'create index concurrently%jobs_running_idx%'`,
      );
      return rows.length;
    });
    await insertRunningJob(db.admin, { id: 'meanwhile' });
    await writer.commit();
    expect(await migrating).toMatchObject({ notes: [] });
    expect((await db.admin.query(valid)).rows).toEqual([{ valid: true }]);
  } finally {
    await db.drop();
  }
});

it('rebuilds one that an interrupted build left invalid', async () => {
  const db = await createTestDatabase();
  try {
    await db.admin.query('drop index jobs_running_idx');
    const writer = await OpenTransaction.begin(db.admin);
    await writer.run(`insert into jobs (id) values ('open')`);
    const cut = await db.admin.connect();
    await cut.query(`set lock_timeout = '100ms'`);
    await expect(
      cut.query(
        `create index concurrently jobs_running_idx on public.jobs (host, id) where status = 'running'`,
      ),
    ).rejects.toThrow('lock timeout');
    cut.release(true);
    await writer.rollback();
    expect((await db.admin.query(valid)).rows).toEqual([{ valid: false }]);
    expect(await migrate(db.adminUrl, null)).toMatchObject({ notes: [] });
    expect((await db.admin.query(valid)).rows).toEqual([{ valid: true }]);
  } finally {
    await db.drop();
  }
});

it('says whom to ask if it lacks the right, and installs everything else', async () => {
  const db = await createTestDatabase();
  const owner = `table_owner_${Math.random().toString(36).slice(2)}`;
  const login = `reaper_owner_${Math.random().toString(36).slice(2)}`;
  try {
    const { rows } = await db.admin.query<{ name: string }>('select current_database() as name');
    await db.admin.query(`
      create role ${owner} nologin; create role ${login} login password 'x' createrole;
      grant reaper, reaper_probe to ${login} with admin option;
      grant create on schema public to ${login}; grant create on database ${rows[0]?.name ?? ''} to ${login};
      alter schema reaper owner to ${login};
      do $$ declare v text; begin
        for v in select format('alter table %s owner to ${login}', oid::regclass) from pg_class
                  where relnamespace = 'reaper'::regnamespace and relkind in ('r', 'v')
                 union all select format('alter sequence reaper.%s owner to ${login}', q) from unnest(array['late_write', 'late_write_claim']) q
                 union all select format('alter function %s owner to ${login}', oid::regprocedure) from pg_proc
                  where pronamespace = 'reaper'::regnamespace
                 union all select format('alter table public.%s owner to ${owner}', t) from unnest(array['jobs', 'tasks', 'agent_runs']) t
        loop execute v; end loop; end $$;
      grant select, insert, update on all tables in schema public to ${login};
      drop index jobs_running_idx`);
    const url = new URL(db.adminUrl);
    [url.username, url.password] = [login, 'x'];
    const { notes, adapter } = await migrate(url.href, null);
    expect(adapter).toBe('reference');
    expect(notes).toEqual([
      expect.stringMatching(
        /must be owner of table jobs\): have the owner of that table run it: create index concurrently if not exists jobs_running_idx/,
      ),
    ]);
    // The login may not do everything: role reaper reads the view, and migrate reads as that role.
    expect((await db.reaper.query('select count(*) as n from reaper.running_job')).rows).toEqual([{ n: 0 }]);
  } finally {
    await db.admin
      .query(`reassign owned by ${owner}, ${login} to current_user; drop owned by ${owner}, ${login};
      drop role ${owner}; drop role ${login}`);
    await db.drop();
  }
});
