import type { Queryable } from '../database.js';

/** How long a build waits for older transactions, in milliseconds. */
const PATIENCE_MS = 60_000;
const CREATE =
  /^create\s+(?:unique\s+)?index\s+concurrently\s+if\s+not\s+exists\s+([\w"]+)\s+on\s+(?:only\s+)?([\w."]+)/i;

/**
 * Builds an adapter's indexes, one statement after another, outside of a transaction, so that writers to the table do not wait. First
 * drops what an interrupted build left behind.
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
      if (!(await isBuilt(admin, statement))) await admin.query(statement);
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
  const [, index, table] = CREATE.exec(statement) ?? [];
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

function explain({ code, message }: { code?: string; message: string }, statement: string): string {
  const why =
    code === '42501'
      ? 'have the owner of that table run it'
      : code === '55P03'
        ? `older transactions were still open after ${PATIENCE_MS / 1000} s: migrate again once they have ended`
        : 'run it yourself, or migrate again';
  return `An index is missing (${message}): ${why}: ${statement.replaceAll(/\s+/g, ' ')}`;
}
