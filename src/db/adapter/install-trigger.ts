import type { Queryable } from '../database.js';
import { NOT_ALLOWED } from '../explain-error.js';
import { NAME, QUALIFIED } from './names.js';
import { fillIn } from './parameters.js';
import { runPatiently } from './patiently.js';
import { readStoredAdapter } from './stored.js';

/** The last statement of an adapter's trigger.sql. */
const CREATE = new RegExp(
  `^create or replace trigger (${NAME}) [^;]*? on (${QUALIFIED})\\s[^;]*;\\s*$`,
  'im',
);

/**
 * Installs an adapter's trigger on the queue's table, last and alone, because it needs a lock that the queue's own statements wait for.
 * One that is there as it would be installed is left alone.
 *
 * @param sql with the adapter's parameters filled in: the function, then `create or replace trigger`
 * @returns why it could not be installed, in a sentence; null if it is in place
 */
export async function installTrigger(client: Queryable, sql: string): Promise<string | null> {
  const [statement = '', name = '', table = ''] = CREATE.exec(sql) ?? [];
  if (statement === '')
    return 'The adapter has no trigger: expected trigger.sql to end with create or replace trigger.';
  try {
    // Its function is not the table's: replacing it waits for nobody.
    await runPatiently(client, sql.replace(statement, ''));
    const before = await readDefinition(client, name, table);
    if (before !== null && (await isStored(client, `${before}\n${statement}`))) return null;
    await runPatiently(client, statement);
    const now = await readDefinition(client, name, table);
    await client.query('update reaper.adapter set trigger_def = $1', [`${now ?? ''}\n${statement}`]);
    return null;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const todo = code === NOT_ALLOWED ? await explainRights(client) : 'run job-reaper migrate again';
    return `The trigger on ${table} is missing (${message}), so new runs are unknown: ${todo}.`;
  }
}

/**
 * Where the installed adapter's trigger is missing or disabled, one clause each: on the table or one of its partitions. For the owner.
 */
export async function findTriggerTrouble(admin: Queryable): Promise<string[]> {
  const stored = await readStoredAdapter(admin);
  if (!stored?.trigger) return [];
  const [, name = '', table = ''] = CREATE.exec(fillIn(stored.trigger, stored.parameters)) ?? [];
  const { rows } = await admin.query<{ trouble: string }>(
    `with tables as (select to_regclass($1)::oid as id
                     union select relid::oid from pg_partition_tree(to_regclass($1)))
     select format(case when t.oid is null then 'there is none on %s' else 'it is disabled on %s' end, c.id::regclass) as trouble
       from tables c
       left join pg_trigger t on t.tgrelid = c.id and t.tgname = (parse_ident($2))[1]
      where c.id is not null and (t.oid is null or t.tgenabled not in ('O', 'A'))
      order by 1`,
    [table, name],
  );
  return rows.map(({ trouble }) => trouble);
}

/** What to do if the trigger may not be installed: its function belongs to role reaper_note, the table to the queue's owner. */
async function explainRights(client: Queryable): Promise<string> {
  const { rows } = await client.query<{ grant: string; isMember: boolean }>(
    `select format('GRANT reaper_note TO %I', current_user) as grant, pg_has_role('reaper_note', 'member') as "isMember"`,
  );
  const [found] = rows;
  return found?.isMember === false
    ? `have an administrator run ${found.grant}, then run job-reaper migrate again`
    : 'have the owner of that table run job-reaper migrate';
}

async function isStored(client: Queryable, definition: string): Promise<boolean> {
  const { rows } = await client.query<{ same: boolean }>(
    'select trigger_def = $1 as same from reaper.adapter',
    [definition],
  );
  return rows[0]?.same === true;
}

/** As the server has it, and whether it is enabled; null if it is not there. */
async function readDefinition(client: Queryable, name: string, table: string): Promise<string | null> {
  const { rows } = await client.query<{ definition: string }>(
    `select pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text || ' ' || t.tgfoid as definition
       from pg_trigger t where t.tgrelid = to_regclass($1) and t.tgname = (parse_ident($2))[1]`,
    [table, name],
  );
  return rows[0]?.definition ?? null;
}
