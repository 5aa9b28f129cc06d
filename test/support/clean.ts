import pg from 'pg';

/** A migrated database as it was before any test. */
interface Fresh {
  readonly definitions: string;
  readonly control: string;
  readonly tables: string[];
}

/**
 * For tests that write rows and do nothing else: makes a function that puts the database back to how it was at the
 * function's first call, in much less time than it takes to create one.
 *
 * @returns a function that fails when a test has changed more than rows, or still holds locks on some
 */
export function cleaner(admin: pg.Pool): () => Promise<void> {
  let fresh: Fresh | undefined;
  return async () => {
    const now = await read(admin);
    fresh ??= now;
    if (now.definitions !== fresh.definitions) {
      throw new Error(
        'Expected tests that share a database to change only rows, got other tables, functions or settings than before. ' +
          'Give each test of this file a database of its own: create it in beforeEach.',
      );
    }
    await admin.query(emptying(fresh));
  };
}

async function read(admin: pg.Pool): Promise<Fresh> {
  // Whatever was replaced has a newer xmin, whatever was dropped is missing.
  const definitions = ['pg_attribute', 'pg_proc', 'pg_trigger', 'pg_rewrite', 'pg_constraint', 'pg_index']
    .map((catalog) => `select count(*), max(xmin::text::bigint) from ${catalog}`)
    .join(' union all ');
  const { rows } = await admin.query<Fresh>(`
    select (select string_agg(d::text, '') from (${definitions} union all
              select count(*), max(xmin::text::bigint) from pg_db_role_setting
               where setdatabase = (select oid from pg_database where datname = current_database())) d) as definitions,
           (select to_jsonb(c)::text from reaper.control c) as control,
           (select array_agg(format('%I.%I', schemaname, tablename)) from pg_tables
             where schemaname in ('public', 'reaper') and tablename not in ('adapter', 'migration')) as tables`);
  if (rows[0] === undefined) throw new Error('Expected a row, got none');
  return rows[0];
}

function emptying({ control, tables }: Fresh): string {
  return `
    begin;
    -- No order of tables would suit all foreign keys.
    set local session_replication_role = replica;
    ${tables.map((table) => `delete from ${table};`).join('\n')}
    insert into reaper.control select * from jsonb_populate_record(null::reaper.control, ${pg.escapeLiteral(control)});
    select setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
      from pg_sequences where sequencename <> 'migration_id_seq';
    commit`;
}
