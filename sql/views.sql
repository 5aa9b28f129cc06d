-- The views over the adapter's view of running jobs. Run after every migration and adapter, because dropping that view, which altering
-- a column of the user's table can require, drops them too. New columns go to the end of a view: Postgres refuses any other change of a
-- view in use.

-- The running jobs whose row can be read. Any column of an unreadable row may fail, and Postgres computes a column as soon as a filter
-- needs it. So if there are such rows, they are excluded first: by their ids, so that the condition reaches the user's table below any join,
-- and before every other filter (`offset 0`). If there are none, which is nearly always, the user's indexes serve every filter.
create or replace view reaper.readable_run as
select r.*
  from reaper.running_job r
 where not exists (select from reaper.unreadable_run)
union all
select f.*
  from (select r.*
          from reaper.running_job r
         where r.job_id is null or r.job_id <> all (array(select u.job_id from reaper.unreadable_run u))
        offset 0) f
 where exists (select from reaper.unreadable_run);

comment on view reaper.readable_run is 'Running jobs, except those whose row cannot be read (reaper.unreadable_run)';

-- The runs whose claim fails or whose row is locked, as long as they show the facts that the claim was based on.
create or replace view reaper.troubled_run as
select t.*
  from reaper.claim_trouble t
 where exists (
         select from reaper.readable_run r
          where r.job_id = t.job_id and r.run_key = t.run_key
            and (not t.facts_known
                 or r.pid is not distinct from t.pid
                    and r.process_identity is not distinct from t.process_identity
                    and r.exit_code is not distinct from t.exit_code));

comment on view reaper.troubled_run is 'Running jobs that cannot be claimed, why, and when each is retried';

-- The runs worth examining: not held, not waiting for the retry of a failed claim, and, in the dry run, not yet reported with the facts
-- that they still show.
create or replace view reaper.examinable_run as
select r.*,
       -- Alerted about as proven alive, over its ceiling, and not as unknown since.
       exists (select from reaper.notification n
                where n.job_id = r.job_id and n.run_key = r.run_key and n.kind = 'backstop alive')
       and not exists (select from reaper.notification n
                        where n.job_id = r.job_id and n.run_key = r.run_key and n.kind = 'backstop unknown') as alerted_alive
  from reaper.readable_run r
 where r.job_id is not null
   and r.run_key is not null
   and pg_catalog.length(r.job_id) <= 200
   and pg_catalog.length(r.run_key) <= 200
   -- One lookup in a hash table for each kind of hold. A join of all kinds by `case` or `or` would compare each run with each hold. `is not
   -- true` keeps Postgres from turning a list into a join, for which it may choose the same.
   and (r.job_id in (select h.value from reaper.hold h where h.kind = 'job' and h.until > (select reaper.now()))) is not true
   and (r.agent in (select h.value from reaper.hold h where h.kind = 'agent' and h.until > (select reaper.now()))) is not true
   and (r.repo in (select h.value from reaper.hold h where h.kind = 'repo' and h.until > (select reaper.now()))) is not true
   and (r.host in (select h.value from reaper.hold h where h.kind = 'host' and h.until > (select reaper.now()))) is not true
   and not exists (
         select from reaper.observation o
          where o.job_id = r.job_id and o.run_key = r.run_key
            and o.pid is not distinct from r.pid
            and o.process_identity is not distinct from r.process_identity
            and o.exit_code is not distinct from r.exit_code
            and (select c.mode from reaper.control c) = 'observe')
   and not exists (
         -- The time is compared inside: a volatile function in the condition would keep Postgres from joining.
         select from (select t.* from reaper.claim_trouble t where t.retry_at > (select reaper.now())) t
          where t.job_id = r.job_id and t.run_key = r.run_key
            and (not t.facts_known
                 or r.pid is not distinct from t.pid
                    and r.process_identity is not distinct from t.process_identity
                    and r.exit_code is not distinct from t.exit_code));

comment on view reaper.examinable_run is
  'Running jobs without a hold, without a failed claim that waits for its retry and, in the dry run, without an observation';

-- What is wrong with the probes of a host, in words. If two probes answer for one name, each resets the other's streaks.
create or replace view reaper.host_warning as
with recent as (
  select b.*, format('machine %s, boot %s, pid namespace %s', coalesce(nullif(b.machine_id, ''), 'without an id'),
                     coalesce(nullif(b.boot, ''), 'without an id'), coalesce(nullif(b.pid_namespace, ''), 'none')) as place
    from reaper.host_boot b
   where b.last_seen_at > (select reaper.now()) - (select reaper.report_window())
),
-- The boots that a machine which is up has had before, by what the probes alone tell.
reboot as materialized (
  select o.host, o.boot as old, n.boot as new, n.began_at + interval '1 minute' as since
    from reaper.host_boot o
    join reaper.host_boot n on n.host = o.host and n.machine_id = o.machine_id and n.boot <> o.boot
                           and n.first_seen_at > o.last_seen_at
   where o.machine_id <> '' and o.is_initial and n.is_initial
     and n.last_seen_at > (select reaper.now()) - interval '1 day'
),
-- The youngest run of each of these boots, in one pass over the running jobs: one for each boot would cost a large fleet seconds. `is true`
-- keeps Postgres from turning the list into a join, which it could repeat for each row.
late_start as materialized (
  select split_part(r.process_identity, ':', 3) as boot, max(r.started_at) as started_at,
         (array_agg(left(r.job_id, 200) order by r.started_at desc))[1] as job_id
    from reaper.readable_run r
   where exists (select from reboot) -- else no row is read
     and r.started_at > (select min(since) from reboot) and isfinite(r.started_at)
     and (split_part(r.process_identity, ':', 3) in (select old from reboot)) is true
   group by 1
)
select a.host,
       format('two probes answer for it at once: %s; and %s. Give each machine its own REAPER_HOST, or stop one', a.place, b.place) as what
  from recent a
  join recent b on b.host = a.host and (b.boot, b.pid_namespace) > (a.boot, a.pid_namespace)
               and b.last_seen_at > a.first_seen_at and a.last_seen_at > b.first_seen_at
union all
select r.host, format('its probe fails since %s: %s (%s)',
                      to_char(r.failing_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), r.failing, r.place)
  from recent r
 where r.failing is not null
union all
select distinct b.host, format('boot %s is alive on two machines, as after a snapshot was restored: its runs are unknown', b.boot)
  from reaper.host_boot b
 where b.twice_at > (select reaper.now()) - interval '1 hour'
union all
-- Each that is killed leaves its successors in doubt for one window, see reaper.note_reporter.
select k.host, format('%s workers (boot %s, pid namespace %s) have ended there within %s s without saying so: one is killed again and again. Until each has been silent for %s s, runs that look dead there are unknown, unless a worker that is still up had seen it',
                      k.ended, k.boot, k.pid_namespace, extract(epoch from 4 * k.report_window)::integer, extract(epoch from k.report_window)::integer)
  from (select r.host, r.boot, r.pid_namespace, w.report_window, count(distinct (r.pid, r.start)) as ended,
               max(r.last_seen_at) - min(r.last_seen_at) as span
          from reaper.host_reporter r
         cross join (select reaper.report_window() as report_window, reaper.now() as now) w
         where r.last_seen_at between w.now - 4 * w.report_window and w.now - w.report_window / 2
         group by 1, 2, 3, 4) k
 where k.ended >= 3 and k.span >= 1.5 * k.report_window
union all
select o.host, format('boot %s went on after boot %s of the same machine began: two machines share an id and a name, and the runs of the first are unknown', o.boot, n.boot)
  from reaper.host_boot o
  join reaper.host_boot n on n.host = o.host and n.machine_id = o.machine_id and n.boot <> o.boot
                         and n.first_seen_at > o.first_seen_at and o.last_seen_at > n.first_seen_at
 where o.machine_id <> '' and o.is_initial and n.is_initial
   and o.last_seen_at > (select reaper.now()) - interval '1 day'
union all
-- The same if only one of the two has a probe.
select p.host, format('job %s started at %s with a stamp of boot %s, after boot %s of the same machine began: its row has kept the stamp of an earlier run, a clock is wrong, or two machines share an id and a name. Runs with that stamp are unknown; all runs of its boot are, too, for an hour after the start, or as long as the row stays if the stamped process started that late. Correct the row, or run job-reaper boot-gone if that boot is over',
                      l.job_id, to_char(l.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), p.old, p.new)
  from reboot p
  join late_start l on l.boot = p.old and l.started_at > p.since;

comment on view reaper.host_warning is 'What is wrong with the probes of a host, in words';

-- The workers of running jobs whose process cannot be told, and why. Empty, and free, where rows name processes themselves.
create or replace view reaper.unplaced_worker as
select r.worker, r.runs, r.first_job, t.why, case when t.why = 'boot' then reaper.token_boot(reaper.worker_token(r.worker)) end as boot_hash
  from (select left(run_id, 200) as worker, count(*) as runs, min(left(job_id, 200)) as first_job
          from reaper.readable_run
         where (select reaper.names_workers()) and host is null and pid is null and process_identity is null
         group by 1) r
 cross join lateral (select reaper.worker_trouble(r.worker) as why) t
 where t.why is not null;

comment on view reaper.unplaced_worker is 'Workers of running jobs whose process cannot be told, and why';

create or replace view reaper.status as
select
  coalesce((c.policy ->> 'enabled')::boolean, true) as enabled,
  c.mode,
  c.paused,
  c.paused_by,
  c.paused_reason,
  c.adapter,
  (c.policy ->> 'intervalS')::double precision as interval_s,
  extract(epoch from s.at)::double precision as last_run_ts,
  s.summary as last_sweep,
  (select coalesce(sum(claims), 0)::bigint from reaper.claim_total) as reaped_total,
  (select jsonb_build_object('job_id', l.job_id, 'agent', l.agent, 'outcome', l.outcome)
     from reaper.ledger l order by l.id desc limit 1) as last_reaped,
  (select count(*) from reaper.lease_reclaim l
    where l.id > coalesce((select n.through_id from reaper.counted n where n.what = 'lease reclaim'), 0))
    + (select coalesce(sum(rows), 0)::bigint from reaper.pruned where what = 'lease reclaim') as lease_reclaimed_total,
  (select count(*) from reaper.running_job) as running,
  coalesce((s.summary ->> 'watching')::integer, 0) as watching,
  coalesce(s.summary -> 'hostsWithoutProbe', '[]') as hosts_without_probe,
  coalesce(s.summary -> 'unwatchable', '[]') as unwatchable,
  (select jsonb_build_object('job_id', v.job_id, 'run_key', v.run_key, 'host', v.host, 'reason', v.reason, 'claimed_at', v.claimed_at,
                             'then', v.evidence_then #>> '{liveness,evidence}', 'found_at', v.found_at, 'now', v.evidence_now)
     from reaper.survivor v where v.ledger_id = c.braked_by) as braked,
  (select count(*) from reaper.survivor) as survivors,
  (select case when is_called then last_value else 0 end from reaper.late_write) as late_writes,
  -- What is not being repaired, and why.
  jsonb_build_object(
    'count', (select count(*) from reaper.troubled_run),
    'first', (select coalesce(jsonb_agg(jsonb_build_object(
                'job_id', t.job_id, 'kind', t.kind, 'why', t.why, 'failures', t.failures,
                'since', to_char(t.since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                'retry_at', to_char(t.retry_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) order by t.since, t.job_id), '[]')
                from (select * from reaper.troubled_run order by since, job_id limit 5) t)) as claim_trouble,
  jsonb_build_object('count', coalesce((s.summary ->> 'waiting')::bigint, 0),
                     'first', coalesce(s.summary -> 'waitingJobs', '[]')) as waiting,
  coalesce(s.summary -> 'hostsFailing', '{}') as hosts_failing,
  -- By host, '' for rows that name none: runs that the host's probe called unknown, and runs whose host has no probe to ask.
  coalesce(s.summary -> 'unknownRuns', '{}')
    || (select coalesce(jsonb_object_agg(u.host, u.runs), '{}')
          from (select coalesce(left(r.host, 200), '') as host, count(*) as runs
                  from reaper.readable_run r
                 where coalesce(r.host, '') = '' or length(r.host) > 200
                    -- Lists, because reading the summary anew for each run would take longer than everything else.
                    or r.host in (select jsonb_array_elements_text(coalesce(s.summary -> 'hostsWithoutProbe', '[]')))
                    or r.host in (select jsonb_object_keys(coalesce(s.summary -> 'hostsFailing', '{}')))
                 group by 1) u) as unknown_runs,
  case when exists (select from reaper.hold h where h.until > (select reaper.now())) then
    (select count(*) from reaper.readable_run r
      where (r.job_id in (select h.value from reaper.hold h where h.kind = 'job' and h.until > (select reaper.now()))) is true
         or (r.agent in (select h.value from reaper.hold h where h.kind = 'agent' and h.until > (select reaper.now()))) is true
         or (r.repo in (select h.value from reaper.hold h where h.kind = 'repo' and h.until > (select reaper.now()))) is true
         or (r.host in (select h.value from reaper.hold h where h.kind = 'host' and h.until > (select reaper.now()))) is true)
  else 0 end as held,
  (select coalesce(jsonb_agg(format('%s: %s', w.host, w.what) order by w.host, w.what), '[]') from reaper.host_warning w) as host_warnings,
  (select coalesce(jsonb_agg(jsonb_build_object('channel', h.name, 'since', h.failing_since, 'why', h.why, 'lost', h.lost)
                             order by h.name), '[]')
     from reaper.channel h where h.failing_since is not null) as failing_channels,
  -- Boots of workers' tokens that no probe has reported: their runs are unknown.
  (select jsonb_build_object('count', count(distinct u.boot_hash), 'runs', coalesce(sum(u.runs), 0))
     from reaper.unplaced_worker u where u.why = 'boot') as unknown_boots,
  -- Hosts that have one watch for all their runs, because many showed a symptom at once.
  coalesce(s.summary -> 'hostsWatched', '{"count": 0, "first": []}') as hosts_watched,
  (select coalesce(jsonb_agg(t), '[]') from reaper.adapter_trouble() t) as adapter_trouble,
  -- Deaths over the crash budget: jobs that it failed, and those that it requeued because they were not alone in their process.
  (select jsonb_build_object(
            'failed', coalesce(sum(t.claims) filter (where t.outcome = 'failed'), 0),
            'requeued', coalesce(sum(t.claims) filter (where t.outcome = 'queued'), 0),
            'last', (select coalesce(jsonb_agg(jsonb_build_object(
                        'job_id', n.job_id, 'outcome', n.outcome, 'deaths', n.evidence #> '{crashBudget,deaths}',
                        'max', n.evidence #> '{crashBudget,max}',
                        'claimed_at', to_char(n.claimed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) order by n.id desc), '[]')
                       from (select l.* from reaper.ledger l where l.evidence #>> '{crashBudget,outcome}' = l.outcome
                              order by l.id desc limit 5) n))
     from (select l.outcome, count(*) as claims
             from reaper.ledger l
            where l.evidence #>> '{crashBudget,outcome}' = l.outcome
              and l.id > coalesce((select n.through_id from reaper.counted n where n.what = 'claim'), 0)
            group by 1
           union all
           select p.outcome, p.rows from reaper.pruned p where p.what = 'crash budget') t) as crash_budget
from reaper.control c
left join reaper.last_sweep s on true;

comment on view reaper.status is 'The state of job-reaper, for any monitor that can run SQL';
