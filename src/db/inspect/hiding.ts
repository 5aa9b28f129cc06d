import type { Database, Queryable } from '../database.js';
import { inTransaction } from '../transaction.js';

/**
 * Whether row-level security hides rows of the view from this login: Postgres' message when it is told to refuse instead of hiding;
 * null if nothing is hidden.
 */
export async function findHidingPolicy(pool: Database): Promise<string | null> {
  try {
    await inTransaction(
      pool,
      async (connection) => {
        await connection.query('set local row_security = off');
        await connection.query('select * from reaper.running_job limit 0');
      },
      { end: 'rollback' },
    );
    return null;
  } catch (error) {
    const { message } = error as Error;
    if (message.includes('row-level security')) return message;
    throw error;
  }
}

/** Views and functions behind the view whose text depends on the reader or on session settings. For the owner. */
export async function findSessionRules(admin: Queryable): Promise<string[]> {
  const { rows } = await admin.query<{ name: string }>(
    `with v as (
       select b.name, pg_get_viewdef(b.id) as body from reaper.behind_adapter() b join pg_class c on c.oid = b.id
        where b.kind = 'relation' and b.root = 'view' and c.relkind = 'v'
       union all select 'reaper.running_job', pg_get_viewdef(to_regclass('reaper.running_job'))
       union all
       select b.name, p.prosrc from reaper.behind_adapter() b join pg_proc p on p.oid = b.id
        where b.kind = 'function' and b.root = 'view')
     select distinct name from v
      where body ~* '\\m(current_setting|current_user|session_user|current_role|pg_has_role|inet_client_addr)\\M' order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** Why the view does not show the queue as it is, one sentence each; see `reaper.adapter_trouble`. */
export async function readAdapterTrouble(pool: Queryable): Promise<string[]> {
  const { rows } = await pool.query<{ trouble: string }>('select reaper.adapter_trouble() as trouble');
  return rows.map(({ trouble }) => trouble);
}

/** What the adapter reads otherwise than at the last migration, one clause each, for example because a view of the user changed. For the owner. */
export async function findChangedReading(admin: Queryable): Promise<string[]> {
  const { rows } = await admin.query<{ change: string }>(
    `with now as (select distinct b.name from reaper.behind_adapter() b where b.kind = 'relation'),
          before as (select r.name from reaper.adapter a cross join unnest(a.relations) r(name))
     select 'no longer reads ' || name as change from (table before except table now) gone
     union all
     select 'now reads ' || name from (table now except table before) new
      where exists (select from before)
      order by 1 desc`,
  );
  return rows.map(({ change }) => change);
}

/** Owners of tables behind the view that are no superusers, if schema reaper's owner is one: claims run their triggers with its rights. */
export async function findWeakOwners(admin: Queryable): Promise<string[]> {
  const { rows } = await admin.query<{ owner: string }>(
    `select distinct quote_ident(o.rolname) as owner
       from reaper.behind_adapter() b
       join pg_class c on c.oid = b.id
       join pg_roles o on o.oid = c.relowner and not o.rolsuper
      where b.kind = 'relation'
        and (select s.rolsuper from pg_namespace n join pg_roles s on s.oid = n.nspowner where n.nspname = 'reaper')
      order by 1`,
  );
  return rows.map(({ owner }) => owner);
}
