import type { Queryable } from '../database.js';
import { NOT_ALLOWED } from '../explain-error.js';
import { NAME, QUALIFIED } from './names.js';
import { runPatiently } from './patiently.js';

/** How long a build waits for older transactions, in milliseconds. */
const PATIENCE_MS = 60_000;
const CREATE = new RegExp(
  `^create\\s+(unique\\s+)?index\\s+concurrently\\s+if\\s+not\\s+exists\\s+(${NAME})\\s+on\\s+(?:only\\s+)?(${QUALIFIED})\\s*`,
  'i',
);

/**
 * Builds an adapter's indexes, one statement after another, outside of a transaction, so that writers to the table do not wait. First
 * drops what an interrupted build left behind. On a partitioned table each partition gets its own, and partitions of the future have it.
 *
 * @param sql statements that end with a semicolon at the end of a line
 * @returns what could not be built and why, one sentence each; everything works without them
 */
export async function buildIndexes(admin: Queryable, sql: string): Promise<string[]> {
  const notes: string[] = [];
  await admin.query('set statement_timeout = 0');
  await admin.query(`set lock_timeout = ${PATIENCE_MS}`);
  for (const statement of statementsOf(sql)) {
    try {
      const partitioned = await asPartitioned(admin, statement);
      if (partitioned !== null) await buildPartitioned(admin, partitioned);
      else if (!(await isBuilt(admin, statement))) await admin.query(statement);
    } catch (error) {
      notes.push(explain(error as { code?: string; message: string }, statement));
    }
  }
  return notes;
}

function statementsOf(sql: string): string[] {
  return sql
    .replaceAll(/^\s*--.*$/gm, '')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

/** Whether the index exists. An invalid one with this name is dropped, unless it is being built right now. */
async function isBuilt(admin: Queryable, statement: string): Promise<boolean> {
  const [, , index, table] = CREATE.exec(statement) ?? [];
  if (index === undefined || table === undefined) return false;
  const { rows } = await admin.query<{ name: string; isLeftover: boolean }>(
    `select format('%I.%I', n.nspname, c.relname) as name,
            not i.indisvalid and not exists (
              select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid) as "isLeftover"
       from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
      where i.indrelid = to_regclass($1) and c.relname = (parse_ident($2))[1]`,
    [table, index],
  );
  const [found] = rows;
  if (found?.isLeftover) await admin.query(`drop index concurrently if exists ${found.name}`);
  return found?.isLeftover === false;
}

/** An index on a partitioned table, where Postgres does not build concurrently. */
interface PartitionedIndex {
  unique: string;
  index: string;
  table: string;
  /** Its columns and its condition. */
  rest: string;
}

async function asPartitioned(admin: Queryable, statement: string): Promise<PartitionedIndex | null> {
  const [head = '', unique = '', index = '', table = ''] = CREATE.exec(statement) ?? [];
  const { rowCount } = await admin.query(
    `select from pg_class where oid = to_regclass($1) and relkind = 'p'`,
    [table],
  );
  return rowCount === 1 ? { unique, index, table, rest: statement.slice(head.length) } : null;
}

/** Only what is quick needs locks on the table itself: an index on the empty parent, and joining those of the partitions to it. */
async function buildPartitioned(
  admin: Queryable,
  { unique, index, table, rest }: PartitionedIndex,
): Promise<void> {
  const { rows: parents } = await admin.query<{ parent: string; isThere: boolean }>(
    `select format('%I.%I', n.nspname, (parse_ident($2))[1]) as parent,
            exists (select from pg_index i join pg_class c on c.oid = i.indexrelid
                     where i.indrelid = t.oid and c.relname = (parse_ident($2))[1]) as "isThere"
       from pg_class t join pg_namespace n on n.oid = t.relnamespace where t.oid = to_regclass($1)`,
    [table, index],
  );
  const { parent = '', isThere = false } = parents[0] ?? {};
  if (!isThere) await runPatiently(admin, `create ${unique}index ${index} on only ${table} ${rest}`);
  const { rows: partitions } = await admin.query<{ partition: string; schema: string; name: string }>(
    `select p.relid::regclass::text as partition, format('%I', n.nspname) as schema,
            format('%I', left(c.relname, 62 - length((parse_ident($2))[1])) || '_' || (parse_ident($2))[1]) as name
       from pg_partition_tree(to_regclass($1)) p join pg_class c on c.oid = p.relid join pg_namespace n on n.oid = c.relnamespace
      where p.isleaf and p.level > 0
        and not exists (select from pg_inherits h join pg_index i on i.indexrelid = h.inhrelid
                         where h.inhparent = to_regclass($3) and i.indrelid = p.relid)
      order by 1`,
    [table, index, parent],
  );
  for (const { partition, schema: home, name } of partitions) {
    const build = `create ${unique}index concurrently if not exists ${name} on ${partition} ${rest}`;
    if (!(await isBuilt(admin, build))) await admin.query(build);
    await runPatiently(admin, `alter index ${parent} attach partition ${home}.${name}`);
  }
}

function explain({ code, message }: { code?: string; message: string }, statement: string): string {
  const why =
    code === NOT_ALLOWED
      ? 'have the owner of that table run it'
      : code === '55P03'
        ? `older transactions were still open after ${PATIENCE_MS / 1000} s: migrate again once they have ended`
        : 'run it yourself, or migrate again';
  return `An index is missing (${message}): ${why}: ${statement.replaceAll(/\s+/g, ' ')}`;
}
