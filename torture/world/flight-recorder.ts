import type { Database, Queryable } from '../../src/db/database.js';

/** A write to a table of the queue or the reaper, as the database itself recorded it in the writer's transaction. */
export interface Change {
  id: number;
  /** The writer's transaction. */
  xid: string;
  /** Unix milliseconds by the database's clock. */
  atMs: number;
  /** The login that wrote, whatever functions it went through. */
  who: string;
  /** The writer's application_name. */
  application: string;
  relation:
    | 'jobs'
    | 'tasks'
    | 'agent_runs'
    | 'ledger'
    | 'notification'
    | 'control'
    | 'hold'
    | 'gone_host'
    | 'host_probe'
    | 'host_boot'
    | 'survivor';
  old: Row | null;
  new: Row | null;
}

/** A row of any of these tables, in JSON. */
export type Row = Record<string, string | number | boolean | null>;

const RELATIONS = {
  jobs: 'public.jobs',
  tasks: 'public.tasks',
  agent_runs: 'public.agent_runs',
  ledger: 'reaper.ledger',
  notification: 'reaper.notification',
  control: 'reaper.control',
  hold: 'reaper.hold',
  gone_host: 'reaper.gone_host',
  host_probe: 'reaper.host_probe',
  host_boot: 'reaper.host_boot',
  survivor: 'reaper.survivor',
} satisfies Record<Change['relation'], string>;

/** Has Postgres record every change of these tables, in the transaction that makes it and with who made it. */
export async function installFlightRecorder(admin: Database): Promise<void> {
  await admin.query(`
    create schema recorder;
    create table recorder.change (
      id          bigint generated always as identity primary key,
      xid         xid8 not null default pg_current_xact_id(),
      at          timestamptz not null default clock_timestamp(),
      who         text not null default session_user,
      application text not null default current_setting('application_name'),
      relation    text not null,
      old         jsonb,
      new         jsonb
    );
    create function recorder.record() returns trigger
      language plpgsql security definer set search_path = pg_catalog, pg_temp
    as $$
    begin
      insert into recorder.change (relation, old, new)
      values (tg_table_name, case when tg_op <> 'INSERT' then to_jsonb(old) end,
                             case when tg_op <> 'DELETE' then to_jsonb(new) end);
      return null;
    end
    $$`);
  for (const table of Object.values(RELATIONS)) await recordChanges(admin, table);
}

/** Has the changes of a table recorded, under its name without a schema. */
export async function recordChanges(admin: Queryable, table: string): Promise<void> {
  await admin.query(
    `create trigger recorder after insert or update or delete on ${table} for each row execute function recorder.record()`,
  );
}

const SQL = `
  select pg_snapshot_xmin(pg_current_snapshot())::text as "oldestXid",
         coalesce((
           select json_agg(json_build_object(
                    'id', c.id, 'xid', c.xid::text, 'atMs', extract(epoch from c.at) * 1000, 'who', c.who,
                    'application', c.application, 'relation', c.relation, 'old', c.old, 'new', c.new)
                  order by c.id)
             from recorder.change c
            where c.xid >= $1::xid8), '[]') as changes`;

/**
 * Reads what was recorded: all that is committed, each change once. Changes of one row come in their order; those of
 * different transactions may not, because the one that wrote first may commit last.
 */
export class FlightRecords {
  /** All transactions before it are over and read. */
  #oldestXid = '0';
  #seen = new Set<number>();

  constructor(private readonly admin: Database) {}

  async readNew(): Promise<Change[]> {
    const { rows } = await this.admin.query<{ oldestXid: string; changes: Change[] }>(SQL, [this.#oldestXid]);
    const row = rows[0];
    if (row === undefined) return [];
    const isNew = row.changes.filter(({ id }) => !this.#seen.has(id));
    const isOpen = row.changes.filter(({ xid }) => BigInt(xid) >= BigInt(row.oldestXid));
    this.#seen = new Set(isOpen.map(({ id }) => id));
    this.#oldestXid = row.oldestXid;
    return isNew;
  }
}
