import type { Pool } from 'pg';

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
  relation: 'jobs' | 'tasks' | 'agent_runs' | 'ledger' | 'notification' | 'control';
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
} satisfies Record<Change['relation'], string>;

/** Has Postgres record every change of these tables, in the transaction that makes it and with who made it. */
export async function installFlightRecorder(admin: Pool): Promise<void> {
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
    $$;
    ${Object.values(RELATIONS)
      .map(
        (table) =>
          `create trigger recorder after insert or update or delete on ${table} for each row execute function recorder.record();`,
      )
      .join('\n')}`);
}

const SQL = `
  with horizon as (select pg_snapshot_xmin(pg_current_snapshot()) as xmin)
  select h.xmin::text as "nextXid",
         coalesce(json_agg(json_build_object(
           'id', c.id, 'xid', c.xid::text, 'atMs', extract(epoch from c.at) * 1000, 'who', c.who,
           'application', c.application, 'relation', c.relation, 'old', c.old, 'new', c.new)
           order by c.id) filter (where c.id is not null), '[]') as changes
    from horizon h
    left join recorder.change c on c.xid >= $1::xid8 and c.xid < h.xmin
   group by h.xmin`;

/** Reads what was recorded. Complete up to the oldest transaction that is still open, so nothing is ever missed. */
export class FlightRecords {
  #nextXid = '0';

  constructor(private readonly admin: Pool) {}

  async readNew(): Promise<Change[]> {
    const { rows } = await this.admin.query<{ nextXid: string; changes: Change[] }>(SQL, [this.#nextXid]);
    const row = rows[0];
    if (row === undefined) return [];
    this.#nextXid = row.nextXid;
    return row.changes;
  }
}
