import type { Queryable } from '../database.js';

/** What a login may do, as far as it matters here. */
export interface LoginRights {
  user: string;
  isSuperuser: boolean;
  mayClaim: boolean;
  mayReadView: boolean;
  /** Whether it may end a run without a claim. */
  mayFinish: boolean;
  /** Tables behind the view of running jobs that it may write. */
  writable: string[];
  /** Schemas in which the adapter's functions look up names and in which it may create objects. */
  plantable: string[];
}

/** The server's version as a number, such as 170002. */
export async function readServerVersion(pool: Queryable): Promise<number> {
  const { rows } = await pool.query<{ version: number }>(
    `select current_setting('server_version_num')::int as version`,
  );
  return rows[0]?.version ?? 0;
}

/** Reads what the pool's login may do. */
export async function readLoginRights(pool: Queryable): Promise<LoginRights> {
  const { rows } = await pool.query<LoginRights>(
    `with behind as (
       select distinct d.refobjid as oid
         from pg_rewrite w
         join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
         join pg_class c on c.oid = d.refobjid and c.relkind in ('r', 'p')
         join pg_namespace n on n.oid = c.relnamespace and n.nspname <> 'reaper'
        where w.ev_class = (select c2.oid from pg_class c2 join pg_namespace n2 on n2.oid = c2.relnamespace
                             where n2.nspname = 'reaper' and c2.relname = 'running_job')
     ),
     f as (
       select p.proname, has_function_privilege(p.oid, 'execute') as may
         from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'reaper' and p.proname in ('claim', 'finish')
     ),
     u as (select has_schema_privilege('reaper', 'usage') as usage)
     select current_user as user,
            (select rolsuper from pg_roles where rolname = current_user) as "isSuperuser",
            u.usage and coalesce((select bool_and(may) from f where proname = 'claim'), false) as "mayClaim",
            u.usage and has_table_privilege('reaper.running_job', 'select') as "mayReadView",
            u.usage and coalesce((select bool_or(may) from f where proname = 'finish'), false) as "mayFinish",
            coalesce((select array_agg(b.oid::regclass::text order by 1) from behind b
                       where has_table_privilege(b.oid, 'insert, update, delete')), '{}') as writable,
            coalesce((select array_agg(quote_ident(n.nspname) order by 1) from pg_namespace n
                       where has_schema_privilege(n.oid, 'create')
                         and n.nspname in (
                               select trim(s.name, ' "')
                                 from pg_proc p
                                cross join unnest(p.proconfig) c(setting)
                                cross join unnest(string_to_array(substr(c.setting, length('search_path=') + 1), ',')) s(name)
                                where p.pronamespace = 'reaper'::regnamespace and starts_with(c.setting, 'search_path=')
                                  and p.proname in ('lock_run', 'lock_runs', 'finish', 'advance'))), '{}') as plantable
       from u`,
  );
  if (rows[0] === undefined) throw new Error('Expected one row about the login, got none');
  return rows[0];
}

/** Names of the migrations that ran, for the owner of schema reaper. */
export async function readMigrations(admin: Queryable): Promise<string[]> {
  const { rows } = await admin.query<{ name: string }>('select name from reaper.migration order by id');
  return rows.map(({ name }) => name);
}

/** The database's clock in Unix milliseconds. */
export async function readClock(pool: Queryable): Promise<number> {
  const { rows } = await pool.query<{ ms: number }>(
    'select (extract(epoch from reaper.now()) * 1000)::double precision as ms',
  );
  return rows[0]?.ms ?? NaN;
}
