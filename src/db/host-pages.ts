import type { HostPage, LookRow } from '../domain/host-look.js';
import type { ProcessStamp } from '../domain/liveness.js';
import type { Policy, PublishedPolicy, RunRef } from '../domain/types.js';
import type { Queryable } from './database.js';
import { secondsSince } from './fragments.js';
import { toPolicy } from './policy.js';

/** What a wave of a host watch begins with. */
export interface HostWave {
  policy: Policy;
  paused: string | null;
  /** Somebody declared the host gone, and no probe has answered since. Which runs that is about is asked for each. */
  isGone: boolean;
  /** A declaration about a boot, or about this host's pods, may tell of runs that no probe can see. */
  placesGone: boolean;
  pages: HostPage[];
  /** The job id after which the next wave begins, or null if this is the last one. */
  next: string | null;
}

/** Bytes of ids on a page, as JSON, so that no payload gets large. */
const PAGE_BYTES = 40_000;

/** For a relation aliased `r`: the runs of host `$1`, or of no host if it is null. */
const ON_HOST = `($1::text is null and coalesce(r.host, '') = '' or r.host = $1)`;

const WAVE = `
  with r as (
    select r.job_id, greatest($4::integer, octet_length(to_json(r.job_id)::text) + octet_length(to_json(r.run_key)::text) + 40) as cost
      from reaper.examinable_run r
     where ${ON_HOST} and ($2::text is null or r.job_id collate "C" > $2)
     order by r.job_id collate "C"
     limit $3
  ),
  n as (
    select job_id, (sum(cost) over (order by job_id collate "C") - cost) / ${PAGE_BYTES} as page, count(*) over () as found from r
  )
  select page, max(job_id collate "C") as "to", max(found)::integer as found from n group by page order by page`;

/**
 * Divides the runs of a host into pages.
 *
 * @param host null for the runs of no host
 * @param after the job id after which the last wave ended
 */
export async function readHostWave(
  pool: Queryable,
  host: string | null,
  after: string | null,
  { pageSize, pages: maxPages }: { pageSize: number; pages: number },
): Promise<HostWave> {
  const limit = pageSize * maxPages;
  const [control, found] = await Promise.all([
    pool.query<{
      policy: Partial<PublishedPolicy> | null;
      recordsExitCodes: boolean;
      paused: string | null;
      isGone: boolean;
      placesGone: boolean;
    }>(
      `select c.policy, reaper.records_exit_codes() as "recordsExitCodes",
              case when c.paused then format('paused by %s: %s', c.paused_by, c.paused_reason) end as paused,
              reaper.host_is_gone($1, '-infinity') is not null as "isGone",
              exists (select from reaper.gone_boot) or exists (select from reaper.replaced_host p where p.host = $1) as "placesGone"
         from reaper.control c`,
      [host],
    ),
    pool.query<{ to: string; found: number }>(WAVE, [host, after, limit, Math.ceil(PAGE_BYTES / pageSize)]),
  ]);
  const row = control.rows[0];
  if (row === undefined)
    throw new Error('Expected one row in reaper.control, got none: run job-reaper migrate');
  const ends = found.rows.slice(0, maxPages).map(({ to }) => to);
  const isLast = found.rows.length <= maxPages && (found.rows[0]?.found ?? 0) < limit;
  return {
    policy: toPolicy(row.policy, row.recordsExitCodes),
    paused: row.paused,
    isGone: row.isGone,
    placesGone: row.placesGone,
    pages: ends.map((to, n) => ({ after: ends[n - 1] ?? after, to })),
    next: isLast ? null : (ends.at(-1) ?? null),
  };
}

/** One run as a look reads it. */
export type HostRow = RunRef &
  ProcessStamp &
  LookRow & {
    /** Milliseconds by the database's clock. */
    readMs: number;
  };

const COLUMNS = `
  r.job_id as "jobId", r.run_key as "runKey", r.pid, r.process_identity as "processIdentity", r.exit_code as "exitCode",
  trunc(${secondsSince('r.started_at')})::bigint as "ageS", trunc(${secondsSince('r.finished_at')})::bigint as "exitAgeS",
  (r.finished_at <= r.started_at - interval '1 second') is true as "exitBeforeStart",
  r.max_running_s as "maxRunningS", r.alerted_alive as "alertedAlive",
  1000 * extract(epoch from c.now)::double precision as "readMs"`;

const ON_PAGE = `($2::text is null or r.job_id collate "C" > $2) and r.job_id collate "C" <= $3`;

/** Reads a page of a host's runs, as far as they are worth examining. As role `reaper_probe`. */
export async function readHostPage(pool: Queryable, host: string, page: HostPage): Promise<HostRow[]> {
  const { rows } = await pool.query<HostRow>(
    `select ${COLUMNS} from reaper.examinable_run r cross join (select reaper.now() as now) c
      where r.host = $1 and ${ON_PAGE} order by r.job_id collate "C"`,
    [host, page.after, page.to],
  );
  return rows;
}

/** What operators declared about where a run is, each as the evidence of its death; null if nothing in force. */
export interface Declared {
  hostGoneBy: string | null;
  placeGone: string | null;
}

/** Like {@link readHostPage}, for any host or none, with what was declared about each run. As role `reaper`. */
export async function readDeclaredPage(
  pool: Queryable,
  host: string | null,
  page: HostPage,
): Promise<(HostRow & Declared)[]> {
  const { rows } = await pool.query<HostRow & Declared>(
    `select ${COLUMNS}, reaper.host_is_gone(r.host, r.started_at) as "hostGoneBy",
            reaper.place_is_gone(r.host, r.started_at, r.process_identity) as "placeGone"
       from reaper.examinable_run r cross join (select reaper.now() as now) c
      where ${ON_HOST} and ${ON_PAGE} order by r.job_id collate "C"`,
    [host, page.after, page.to],
  );
  return rows;
}
