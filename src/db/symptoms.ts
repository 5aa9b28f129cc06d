import { secondsSince, believesExit } from './fragments.js';
import type { Queryable } from './database.js';
import type { HostedRun, Policy } from '../domain/types.js';
import type { Cursor, Page } from '../domain/page.js';
import { afterCursor, CURSOR_COLUMNS, CURSOR_ORDER, toPage } from './keyset.js';

/** A run whose row shows a symptom. */
export type RowSymptom = HostedRun & {
  symptom: 'exit code' | 'age' | 'host gone';
  /** The exit code and when it was recorded, as a text that changes when it is written again; null without one. */
  exitRecord: string | null;
  /** It exited with 0 on a queue with stages, so that its gate is to be asked; missing if not. */
  needsGate?: true;
};

/** Parameters `$1` to `$5` of {@link WITH_SYMPTOM}. */
const judgedBy = (policy: Policy, isAboveLimit: boolean) => [
  policy.maxRunningS,
  policy.backstopAlive,
  policy.backstopUnknown,
  isAboveLimit,
  policy.finalizeGraceS,
];

/** SQL: whether the policy can do nothing about run `r` because of its exit code: it is within its grace, or tells no usable time. */
const isQuiet = 'coalesce(r.exit_age_s < $5, true)';

/** SQL: whether the gate of run `r` is to be asked before it is ended. */
const NEEDS_GATE = 'r.exited and r.exit_code = 0 and (select reaper.has_stages())';

const FACTS = `
  with c as (select reaper.now() as now),
  d as (select exists (select from reaper.gone_boot) as any_place),
  answering as (
    select p.host from reaper.host_probe p where p.answered_at > (select now from c) - (select reaper.report_window())
    union all
    select b.host from reaper.host_boot b where b.last_seen_at > (select now from c) - (select reaper.report_window())
  )`;

/** The runs `r` that show one. Not a CTE, which would compute every column of every healthy run. */
const WITH_SYMPTOM = `
    from (
      select r.*,
             r.exit_code is not null and ${believesExit(false)} as exited,
             case when r.exit_code is not null then ${secondsSince('r.finished_at', '(select now from c)')} end as exit_age_s,
             case when exists (select from reaper.gone_host g where g.host = r.host)
                  then reaper.host_is_gone(r.host, r.started_at) is not null else false end
             or case when (select any_place from d) or exists (select from reaper.replaced_host h where h.host = r.host)
                     then reaper.place_is_gone(r.host, r.started_at, r.process_identity) is not null else false end as gone,
             trunc(${secondsSince('r.started_at', '(select now from c)')})
               >= coalesce(nullif(greatest(r.max_running_s, 0), 0), $1::bigint) as over_age
        from reaper.examinable_run r
       where coalesce(length(r.host), 0) <= 200
    ) r
   where (r.exited and not ($4 and ${isQuiet})
          or r.gone and not ($4 and r.exited)
          or r.over_age and not ($4 and r.exited and coalesce(r.exit_age_s between 0 and $5, false))
             -- As long as its probe answers, the probe tells when such a run becomes unknown.
             and not ($2 = 'alert' and r.alerted_alive
                      and coalesce(r.host in (select a.host from answering a), false))
             and not exists (
               select from reaper.notification n
                where n.job_id = r.job_id and n.run_key = r.run_key and n.kind = 'backstop unknown'
                  and ($3 = 'alert' or $2 = 'alert' and exists (
                         select from reaper.notification a
                          where a.job_id = n.job_id and a.run_key = n.run_key and a.kind = 'backstop alive'))))`;

/**
 * One page of the runs whose row shows a symptom, oldest first. Held runs, and in the dry run those already reported,
 * are omitted, so that they do not crowd out others.
 *
 * @param isAboveLimit not every run has a watch: runs with an exit code within its grace are omitted, too, because their watches would
 *   keep their places for nothing
 */
export async function readSymptoms(
  pool: Queryable,
  policy: Policy,
  after: Cursor | null,
  limit: number,
  isAboveLimit = false,
): Promise<Page<RowSymptom>> {
  const { rows } = await pool.query<Omit<RowSymptom, 'needsGate'> & { needsGate: boolean } & Cursor>(
    `${FACTS}
     select ${CURSOR_COLUMNS}, r.host,
            case when r.exited and not ($4 and ${isQuiet}) then 'exit code' when r.gone then 'host gone' else 'age' end as symptom,
            r.exit_code || '@' || coalesce(extract(epoch from r.finished_at)::text, '') as "exitRecord",
            ${NEEDS_GATE} as "needsGate"
       ${WITH_SYMPTOM}
        and ${afterCursor(6)}
      order by ${CURSOR_ORDER}
      limit $9`,
    [
      ...judgedBy(policy, isAboveLimit),
      after?.startedUs ?? null,
      after?.jobId ?? null,
      after?.runKey ?? null,
      limit,
    ],
  );
  return toPage(rows, limit, ({ jobId, runKey, host, symptom, exitRecord, needsGate }) => ({
    jobId,
    runKey,
    host,
    symptom,
    exitRecord,
    ...(needsGate && { needsGate }),
  }));
}

/**
 * Hosts on which several runs' rows show a symptom, and how many, without those whose gate is to be asked. An empty name is for the runs
 * of no host. Also of hosts whose probes are well: a recorded exit code concerns no probe. If there are more than `limit`, any of them,
 * so that none is always left out.
 */
export async function countSymptoms(
  pool: Queryable,
  policy: Policy,
  limit: number,
  isAboveLimit: boolean,
): Promise<[host: string, runs: number][]> {
  const { rows } = await pool.query<{ host: string; runs: number }>(
    `${FACTS}
     select coalesce(r.host, '') as host, count(*) as runs
       ${WITH_SYMPTOM}
        and not (${NEEDS_GATE})
      group by 1
     having count(*) > 1
      order by random()
      limit $6`,
    [...judgedBy(policy, isAboveLimit), limit],
  );
  return rows.map(({ host, runs }) => [host, runs]);
}
