import type { Queryable } from '../database.js';

/** A table of ours whose sequence will repeat ids. */
export interface IdsBehind {
  table: string;
  /** The highest id in it. */
  highest: number;
  /** The last id that its sequence returned. */
  last: number;
}

/**
 * Finds tables of schema reaper whose sequence is behind their rows, for their owner. That is so in copies made by logical replication,
 * and then no claim can be recorded.
 */
export async function findIdsBehind(admin: Queryable): Promise<IdsBehind[]> {
  const found: IdsBehind[] = [];
  for (const { table, column, sequence } of await readSequences(admin)) {
    const { rows } = await admin.query<{ highest: string; last: string }>(
      `select coalesce((select max(${column}) from ${table}), 0) as highest,
              (select case when is_called then last_value else last_value - 1 end from ${sequence}) as last`,
    );
    const [highest, last] = [Number(rows[0]?.highest ?? 0), Number(rows[0]?.last ?? 0)];
    if (highest > last) found.push({ table, highest, last });
  }
  return found;
}

/** Moves every sequence of ours past the existing rows. */
export async function raiseIds(admin: Queryable): Promise<void> {
  for (const { table, column, sequence } of await readSequences(admin)) {
    await admin.query(
      `select setval('${sequence.replaceAll("'", "''")}', greatest((select max(${column}) from ${table}), s.last_value))
         from ${sequence} s where (select max(${column}) from ${table}) > s.last_value
                               or not s.is_called and (select max(${column}) from ${table}) = s.last_value`,
    );
  }
}

async function readSequences(
  admin: Queryable,
): Promise<{ table: string; column: string; sequence: string }[]> {
  const { rows } = await admin.query<{ table: string; column: string; sequence: string }>(
    `select format('reaper.%I', c.relname) as "table", quote_ident(a.attname) as "column",
            format('reaper.%I', s.relname) as sequence
       from pg_depend d
       join pg_class s on s.oid = d.objid and s.relkind = 'S'
       join pg_class c on c.oid = d.refobjid
       join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
      where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
        and c.relnamespace = 'reaper'::regnamespace and s.relnamespace = c.relnamespace
      order by 1`,
  );
  return rows;
}
