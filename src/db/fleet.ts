import type { Queryable } from './database.js';
import type { HostedRun } from '../domain/types.js';

/** A summary of all running jobs. */
export interface Fleet {
  running: number;
  /** The running jobs' hosts that should be examined now, sorted. */
  hosts: string[];
  /** The host after which the next scan looks for hosts, or null if all were listed. */
  nextHost: string | null;
  /** Hosts that are not listed because their probes' own reports show nothing wrong. */
  healthyHosts: number;
  /** Whether every host is listed or one of those. */
  isWhole: boolean;
  /** Rows that cannot be watched: how many, and the first of them with their reasons. */
  unwatchable: { count: number; sample: { jobId: string; why: string }[] };
}

/** Which hosts {@link readFleet} lists. */
export interface HostChoice {
  /** The host that was listed last. @default null */
  after?: string | null;
  /** Maximum of hosts. @default 1000 */
  limit?: number;
  /**
   * Seconds between two sweeps, to leave out hosts whose probes have reported by themselves, within twice that time, that nothing is
   * wrong. Null lists them like the others. @default null
   */
  intervalS?: number | null;
}

/** A fleet that has no more hosts is always listed as a whole. */
const SMALL_FLEET = 14;
/** How many of the hosts that seem healthy are listed nevertheless, in turn. */
const HEALTHY_IN_TURN = 10;

const FLEET = `
  with r as materialized (
    select r.job_id, r.host,
           case when r.job_id is null then 'its job id is null'
                when r.run_key is null then 'its run key is null'
                when length(r.job_id) > 200 then 'its job id has over 200 characters'
                when length(r.run_key) > 200 then 'its run key has over 200 characters'
                when length(r.host) > 200 then 'its host has over 200 characters' end as why
      from reaper.readable_run r
  ),
  host as materialized (
    select distinct host collate "C" as host from r where host <> '' and length(host) <= 200
  ),
  -- Nothing is left to ask these hosts: their probes have just looked at all their runs. Whatever is in doubt about a host, ask it.
  healthy as materialized (
    select b.host
      from reaper.host_boot b
     cross join (select reaper.now() as now, make_interval(secs => 2 * $3::double precision) as fresh) c
     where b.last_seen_at > c.now - (select reaper.report_window())
     group by b.host
    having bool_and(b.last_seen_at > c.now - c.fresh and coalesce(b.examined_at between c.now - c.fresh and c.now, false)
                    and coalesce(b.dead = 0 and b.unknown = 0, false) and b.failing is null)
    except
    select p.host from reaper.host_probe p where p.missing_since is not null
    except
    select w.host from reaper.host_warning w
  ),
  -- In turn, beginning after the one that was listed last.
  candidate as (
    select h.host, h.is_healthy, count(*) over () <= least(${SMALL_FLEET}, $2) as is_small,
           row_number() over (partition by h.is_healthy order by coalesce(h.host > $1, true) desc, h.host) as turn
      from (select host.host, host.host in (select host from healthy) as is_healthy from host) h
  ),
  chosen as materialized (
    select c.*, c.is_small or c.turn <= case when c.is_healthy then least(${HEALTHY_IN_TURN}, $2) else $2 end as is_chosen from candidate c
  )
  select (select count(*) from r) as running,
         coalesce((select array_agg(c.host order by c.host) from chosen c where c.is_chosen), '{}') as hosts,
         case when exists (select from chosen c where not c.is_chosen) then
           -- Those that must be asked go first.
           (select c.host from chosen c where c.is_chosen
             order by c.is_healthy = exists (select from chosen n where not n.is_healthy and not n.is_chosen), c.turn desc limit 1) end as "nextHost",
         (select count(*) from chosen c where c.is_healthy and not c.is_chosen) as "healthyHosts",
         not exists (select from chosen c where not c.is_healthy and not c.is_chosen) as "isWhole",
         (select count(*) from r where why is not null) as "unwatchableCount",
         coalesce((select jsonb_agg(jsonb_build_object('jobId', left(s.job_id, 60), 'why', s.why))
                     from (select job_id, why from r where why is not null order by job_id limit 5) s), '[]') as sample`;

/** Counts the readable running jobs and lists the hosts to examine. One statement; its result does not grow with the jobs. */
export async function readFleet(
  pool: Queryable,
  { after = null, limit = 1_000, intervalS = null }: HostChoice = {},
): Promise<Fleet> {
  type Row = Omit<Fleet, 'unwatchable'> & {
    unwatchableCount: number;
    sample: { jobId: string | null; why: string }[];
  };
  const { rows } = await pool.query<Row>(FLEET, [after, limit, intervalS]);
  const row = rows[0];
  if (row === undefined) throw new Error('Expected one row of counts, got none');
  const { unwatchableCount: count, sample, ...fleet } = row;
  return {
    ...fleet,
    unwatchable: { count, sample: sample.map(({ jobId, why }) => ({ jobId: jobId ?? 'None', why })) },
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
