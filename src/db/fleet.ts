import type { Queryable } from './database.js';
import type { HostedRun } from '../domain/types.js';

/** A summary of all running jobs. */
export interface Fleet {
  running: number;
  /** A page of the running jobs' hosts on which a probe can be asked, sorted. */
  hosts: string[];
  /** The host after which the next page begins, or null if this was the last. */
  nextHost: string | null;
  /** Rows that cannot be watched: how many, and the first of them with their reasons. */
  unwatchable: { count: number; sample: { jobId: string; why: string }[] };
}

const FLEET = `
  with r as (
    select r.job_id, r.host,
           case when r.job_id is null then 'its job id is null'
                when r.run_key is null then 'its run key is null'
                when length(r.job_id) > 200 then 'its job id has over 200 characters'
                when length(r.run_key) > 200 then 'its run key has over 200 characters'
                when length(r.host) > 200 then 'its host has over 200 characters' end as why
      from reaper.readable_run r
  )
  select (select count(*) from r) as running,
         coalesce((select array_agg(h.host order by h.host) from (
                     select distinct host collate "C" as host from r
                      where host <> '' and length(host) <= 200 and ($1::text is null or host collate "C" > $1)
                      order by 1 limit $2) h), '{}') as hosts,
         (select count(*) from r where why is not null) as "unwatchableCount",
         coalesce((select jsonb_agg(jsonb_build_object('jobId', left(s.job_id, 60), 'why', s.why))
                     from (select job_id, why from r where why is not null order by job_id limit 5) s), '[]') as sample`;

/** Counts the readable running jobs and lists a page of their hosts. One statement; its result does not grow with the jobs. */
export async function readFleet(
  pool: Queryable,
  { after = null, limit = 1_000 }: { after?: string | null; limit?: number } = {},
): Promise<Fleet> {
  const { rows } = await pool.query<{
    running: number;
    hosts: string[];
    unwatchableCount: number;
    sample: { jobId: string | null; why: string }[];
  }>(FLEET, [after, limit]);
  const row = rows[0];
  if (row === undefined) throw new Error('Expected one row of counts, got none');
  const sample = row.sample.map(({ jobId, why }) => ({ jobId: jobId ?? 'None', why }));
  const nextHost = row.hosts.length < limit ? null : (row.hosts.at(-1) ?? null);
  return {
    running: row.running,
    hosts: row.hosts,
    nextHost,
    unwatchable: { count: row.unwatchableCount, sample },
  };
}

/** Every run that can be watched, oldest first, at most `limit`. */
export async function readRuns(pool: Queryable, limit: number): Promise<HostedRun[]> {
  const { rows } = await pool.query<HostedRun>(
    `select job_id as "jobId", run_key as "runKey", host
       from reaper.readable_run r
      where length(job_id) <= 200 and length(run_key) <= 200 and coalesce(length(host), 0) <= 200
      order by started_at nulls first, job_id, run_key
      limit $1`,
    [limit],
  );
  return rows;
}
