import type { Database, Queryable } from '../../src/db/database.js';
import { LOGINS } from './logins.js';

/** How the claim of a job fails, in the user's own triggers. */
export type Poison = 'raises' | 'raises at COMMIT' | 'is too slow';

/** Seconds that a slow one takes: longer than any statement may take. */
const SLOW_S = 60;

/** Makes the reaper's claims, and no other writes, fail for the runs in a table, which is empty at first. */
export async function installPoison(admin: Database): Promise<void> {
  await admin.query(`
    create schema poison;
    create table poison.run (run_id text not null, how text not null);
    -- Counts what is rolled back, too.
    create sequence poison.tried;
    create function poison.work() returns trigger
      language plpgsql security definer set search_path = pg_catalog, pg_temp
    as $$
    begin
      if session_user <> '${LOGINS.reaper}' then
        return new;
      end if;
      if exists (select from poison.run where run_id = old.run_id and how = tg_argv[0]) then
        perform nextval('poison.tried');
        raise exception 'this job is protected by a rule of its owner';
      end if;
      if tg_argv[0] = 'raises' and exists (select from poison.run where run_id = old.run_id and how = 'is too slow') then
        perform pg_sleep(${SLOW_S});
      end if;
      return new;
    end
    $$`);
  await addPoison(admin, 'public.jobs');
}

/** How many claims have failed for it. */
export async function claimsThatFailed(admin: Database): Promise<number> {
  const { rows } = await admin.query<{ n: number }>(
    'select case when is_called then last_value else 0 end as n from poison.tried',
  );
  return rows[0]?.n ?? 0;
}

/** Adds the triggers to a table. */
export async function addPoison(admin: Queryable, table: string): Promise<void> {
  await admin.query(`
    create trigger poison before update on ${table} for each row
      when (old.status = 'running' and new.status <> 'running') execute function poison.work('raises');
    create constraint trigger poison_at_commit after update on ${table} deferrable initially deferred for each row
      when (old.status = 'running' and new.status <> 'running') execute function poison.work('raises at COMMIT')`);
}

/** Poisons the claims of runs. Returns how to undo that. */
export async function poison(
  admin: Database,
  runIds: readonly string[],
  how: Poison,
): Promise<() => Promise<unknown>> {
  await admin.query('insert into poison.run select unnest($1::text[]), $2', [runIds, how]);
  return () => admin.query('delete from poison.run where run_id = any ($1)', [runIds]);
}
