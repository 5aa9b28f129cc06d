import type { Queryable } from '../database.js';

/** A job that has died several times by its own process, and was requeued each time. */
export interface CrashingJob {
  jobId: string;
  deaths: number;
}

/** What the crash budget could not do, or would have to do. */
export interface Crashes {
  /** Running jobs whose row has no stamp: whether such a job was alone in its process cannot be told. 0 where rows name workers. */
  unstamped: number;
  /** Whether the adapter tells which jobs are queued, so that prune keeps their deaths. */
  tellsOpenJobs: boolean;
  /** Of the newest claims, the first few jobs with the most deaths. */
  crashing: CrashingJob[];
}

const CLAIMS = 1_000;
const SEVERAL = 3;
const SHOWN = 3;

/** Reads how often jobs have died by their own process within a week. Of the ledger only the newest claims: it may be long. */
export async function readCrashes(pool: Queryable): Promise<Crashes> {
  const { rows } = await pool.query<Crashes>(
    `with newest as (
       select * from reaper.ledger order by id desc limit ${CLAIMS}
     ), crashing as (
       select n.job_id as "jobId", count(*) filter (where n.cause = 'process') as deaths
         from newest n
        where n.claimed_at > reaper.now() - interval '7 days'
          and not exists (select from reaper.survivor s where s.ledger_id = n.id)
        group by n.job_id
       having count(*) filter (where n.cause = 'process') >= ${SEVERAL} and (array_agg(n.outcome order by n.id desc))[1] = 'queued'
     )
     select case when reaper.names_workers() then 0
                 else (select count(*) from reaper.readable_run where process_identity is null) end as unstamped,
            to_regprocedure('reaper.open_jobs(text[])') is not null as "tellsOpenJobs",
            coalesce((select jsonb_agg(c) from (select * from crashing order by deaths desc, "jobId" limit ${SHOWN}) c), '[]') as crashing`,
  );
  if (rows[0] === undefined) throw new Error('Expected one row about crashes, got none');
  return rows[0];
}
