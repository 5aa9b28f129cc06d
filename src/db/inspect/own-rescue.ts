import type { Database, Queryable } from '../database.js';
import { inTransaction } from '../transaction.js';

/** A rescue of the queue's own that goes by age, so that it also ends the runs of live jobs. */
export interface OwnRescue {
  /** What rescues, and by which setting, in the queue's words. */
  what: string;
  /** How old a run is then, in seconds. */
  afterS: number;
  /** How to raise it. */
  remedy: string;
}

/** The running job that is the nearest to its rescue. */
export interface RescuedNext extends OwnRescue {
  jobId: string;
  ageS: number;
}

/** What the adapter tells of the queue's own rescue. */
export interface OwnRescues {
  /** Null if no job with a known start is running. */
  next: RescuedNext | null;
  /** Settings below the ceiling, of the shortest first. */
  short: OwnRescue[];
  /** How many those are in all. */
  shortCount: number;
}

const SHOWN = 3;

/**
 * Reads when the queue itself would run jobs again, for the owner of schema `reaper`. Reads only running jobs and settings.
 *
 * @param ceilingS how long a run may take, in seconds
 * @returns null if the adapter does not tell
 */
export async function readOwnRescues(admin: Database, ceilingS: number): Promise<OwnRescues | null> {
  return inTransaction(admin, (connection) => read(connection, ceilingS), {
    begin: 'begin isolation level repeatable read, read only',
    end: 'rollback',
  });
}

async function read(connection: Queryable, ceilingS: number): Promise<OwnRescues | null> {
  await connection.query(`set local statement_timeout = '5s'`);
  const { rows: told } = await connection.query<{ tells: boolean }>(
    `select to_regprocedure('reaper.own_rescue()') is not null as tells`,
  );
  if (told[0]?.tells !== true) return null;
  const { rows: next } = await connection.query<RescuedNext>(
    `with o as materialized (select * from reaper.own_rescue())
     select n.* from (
       select r.job_id as "jobId", extract(epoch from reaper.now() - r.started_at)::double precision as "ageS",
              coalesce(j.what, a.what, e.what) as what, coalesce(j.remedy, a.remedy, e.remedy) as remedy,
              coalesce(j.after_s, a.after_s, e.after_s)::double precision as "afterS"
         from reaper.running_job r
         left join o j on j.of_job = r.job_id
         left join o a on a.of_agent = r.agent and a.of_job is null
         left join o e on e.of_agent is null and e.of_job is null
        where r.started_at is not null) n
      where n."afterS" > 0
      order by n."ageS" / n."afterS" desc limit 1`,
  );
  const { rows: short } = await connection.query<OwnRescue & { total: number }>(
    `select what, after_s::double precision as "afterS", remedy, (count(*) over ())::integer as total
       from reaper.own_rescue() where of_job is null and after_s > 0 and after_s < $1
      order by after_s, what limit ${SHOWN}`,
    [ceilingS],
  );
  return {
    next: next[0] ?? null,
    short: short.map(({ what, afterS, remedy }) => ({ what, afterS, remedy })),
    shortCount: short[0]?.total ?? 0,
  };
}
