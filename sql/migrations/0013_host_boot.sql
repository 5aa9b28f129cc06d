-- Facts about boots: they prove deaths by reboot, and end declarations. One line per boot, pid namespace and host name, written only
-- by the probes that report from there.
create table reaper.host_boot (
  boot          text not null,           -- '' if the platform has no boot ids
  pid_namespace text not null,           -- its inode; '' if there are none
  host          text not null,           -- as REAPER_HOST says
  machine_id    text not null,           -- '' for none
  is_initial    boolean not null,        -- seen from the kernel's first pid namespace, with a boot id that is the kernel's own
  began_at      timestamptz,             -- when its kernel began, by the database's clock: the earliest reported time
  told_began_at timestamptz,             -- the last reported time
  pid1_began_at timestamptz,             -- when pid 1 of the probe's namespace began
  first_seen_at timestamptz not null,
  last_seen_at  timestamptz not null,
  twice_at      timestamptz,             -- when two kernels were last seen with this boot id
  seen          integer,                 -- runs at the last examination, and how many of them were dead or unknown
  dead          integer,
  unknown       integer,
  examined_at   timestamptz,             -- when the probe last examined all its host's runs by itself, without being asked
  failing       text,                    -- why its probe fails
  failing_since timestamptz,
  primary key (boot, pid_namespace, host)
) with (fillfactor = 50);
create index host_boot_host_idx on reaper.host_boot (host);

comment on table reaper.host_boot is 'Which boots of which machines probes have reported from, and when';

-- The processes that report. Needed because machines that were resumed from one memory snapshot report as one: boot id, namespace,
-- machine id and host are the same, and so is the process itself if it was part of the snapshot.
create table reaper.host_reporter (
  boot          text not null,
  pid_namespace text not null,
  pid           bigint not null,
  start         text not null,           -- its start ticks, as in a stamp: a boot has no other process with this pid and start
  instance      text not null,           -- tells reporters of one process apart
  host          text not null,
  turn          bigint not null,         -- how often it has reported: the answer says it, and the next report must repeat it
  reset_at      timestamptz,             -- when it last reported without knowing its turn, because an answer was lost
  last_seen_at  timestamptz not null,
  seen          jsonb not null default '[]', -- the others that it has seen alive in its pid namespace: [{pid, start}]
  primary key (boot, pid_namespace, pid, start, instance)
);

comment on table reaper.host_reporter is 'The processes that report boots: two that cannot be on one machine show that two have one boot id';

-- Boots that an operator declared gone.
create table reaper.gone_boot (
  boot        text primary key,
  declared_at timestamptz not null,
  by          text not null
);

-- Hosts whose name another machine or container has taken over, as an operator declared: what started before that one began, and not
-- in its pid namespace, is dead.
create table reaper.replaced_host (
  host          text primary key,
  declared_at   timestamptz not null,
  by            text not null,
  boot          text not null,
  pid_namespace text not null,
  began_at      timestamptz not null
);

-- For how long a host's last report proves that its probe is up.
create function reaper.report_window() returns interval
  language sql stable
  as $$ select make_interval(secs => 3 * greatest(reaper.published('intervalS', '15')::double precision, 5)) $$;

-- When a probe of a host last answered a sweep or reported; null if never.
create function reaper.host_answered_at(p_host text) returns timestamptz
  language sql stable
  as $$
    select greatest((select p.answered_at from reaper.host_probe p where p.host = p_host),
                    (select max(b.last_seen_at) from reaper.host_boot b where b.host = p_host))
  $$;

-- Records which process reports, and whether that shows that its boot is alive on two machines. Two things show it, and neither can be
-- caused by workers that end, start or run side by side on one machine:
--
--   * A process that the reporter did not find in its own pid namespace of this boot has reported since. On one machine it is dead,
--     because pid and start never recur, and what it sent before is more than 10 s old and refused as late. A restarted worker finds its
--     predecessor absent too, but that one no longer reports.
--   * Two processes with one pid and start, as on two machines that were resumed with their worker, take turns: each reports with the
--     turn that the other one's answer has made obsolete. A single process knows its turn, or knows that it does not. (A process that is
--     ahead of the turn here has met a restored database.)
--
-- Before the first of these shows, a reporter that found another one absent whose last report is recent is in doubt, and has to say so
-- itself: see src/activities/shared-boot.ts. It is in no doubt if a reporter of its own machine has seen that one alive there.
--
-- p_reporter  pid, start, instance, turn (null: not known), sentMs (the reporter's estimate of the database's clock, never ahead of it),
--             absent (others that it did not find, and when it first looked, by the same estimate: [{pid, start, atMs}]), seen (others that
--             it has seen alive: [{pid, start}]), isLeaving
-- result      nowMs, turn, isLate (it does not count), isTwice, others (of this boot and namespace with a recent report, those first that it
--             has not seen: [{pid, start, lastMs, seenBy: [{pid, start}]}])
create function reaper.note_reporter(p_boot text, p_pid_namespace text, p_host text, p_reporter jsonb) returns jsonb
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  -- A report can take this long, and an estimated time may lag this far behind.
  c_late     constant interval := interval '10 s';
  v_now      timestamptz := reaper.now();
  v_pid      bigint := p_reporter ->> 'pid';
  v_start    text := p_reporter ->> 'start';
  v_instance text := p_reporter ->> 'instance';
  v_turn     bigint := p_reporter ->> 'turn';
  v_sent     timestamptz := to_timestamp((p_reporter ->> 'sentMs')::double precision / 1000);
  v_mine     reaper.host_reporter;
  v_is_late  boolean;
  v_is_twice boolean := false;
  v_is_new   boolean;
  v_seen     jsonb;
begin
  if v_pid is null or v_pid not between 1 and 2147483647 or v_start is null or v_start !~ '^[0-9]{1,13}$'
     or v_instance is null or length(v_instance) > 40 or v_sent is null then
    raise exception 'expected a reporter with pid, start, instance and sentMs, got %', left(p_reporter::text, 200)
      using errcode = 'invalid_parameter_value';
  end if;
  select coalesce(jsonb_agg(jsonb_build_object('pid', a.pid, 'start', left(a.start, 13))), '[]') into v_seen
    from (select x.pid, x.start from jsonb_to_recordset(coalesce(p_reporter -> 'seen', '[]')) x(pid bigint, start text) limit 1000) a;
  select r.* into v_mine from reaper.host_reporter r
   where r.boot = p_boot and r.pid_namespace = p_pid_namespace and r.pid = v_pid and r.start = v_start and r.instance = v_instance
     for update;
  -- A reset in the future was before the clock was put back.
  v_is_late := v_sent < v_now - c_late or coalesce(v_sent < v_mine.reset_at and v_mine.reset_at <= v_now, false);
  if not v_is_late then
    v_is_twice := coalesce(v_turn < v_mine.turn, false)
      or exists (select from reaper.host_reporter r
                   join jsonb_to_recordset(coalesce(p_reporter -> 'absent', '[]')) a(pid bigint, start text, "atMs" double precision)
                     on a.pid = r.pid and a.start = r.start
                  where r.boot = p_boot and r.pid_namespace = p_pid_namespace
                    and r.last_seen_at > to_timestamp(a."atMs" / 1000) + 2 * c_late and r.last_seen_at <= v_now);
    if (p_reporter ->> 'isLeaving')::boolean then
      delete from reaper.host_reporter r
       where r.boot = p_boot and r.pid_namespace = p_pid_namespace and r.pid = v_pid and r.start = v_start and r.instance = v_instance;
    else
      insert into reaper.host_reporter as r (boot, pid_namespace, pid, start, instance, host, turn, last_seen_at, seen)
      values (p_boot, p_pid_namespace, v_pid, v_start, v_instance, p_host, coalesce(v_turn, 0) + 1, v_now, v_seen)
      on conflict (boot, pid_namespace, pid, start, instance) do update
        set turn = greatest(r.turn, v_turn) + 1, host = excluded.host, last_seen_at = excluded.last_seen_at, seen = excluded.seen,
            reset_at = case when v_turn is null then v_now else r.reset_at end
      returning r.turn, xmax = 0 into v_turn, v_is_new;
      if v_is_new then
        delete from reaper.host_reporter
         where ctid = any (array(select r.ctid from reaper.host_reporter r
                                  where r.last_seen_at < v_now - greatest(interval '1 hour', 5 * reaper.report_window())
                                    for update skip locked));
      end if;
    end if;
  end if;
  return jsonb_build_object(
    'nowMs', 1000 * extract(epoch from v_now)::double precision,
    'turn', v_turn,
    'isLate', v_is_late,
    'isTwice', v_is_twice,
    'others', (
      with recent as (
        select r.pid, r.start, max(r.last_seen_at) as last_seen_at, jsonb_path_query_array(jsonb_agg(r.seen), '$[*][*]') as seen
          from reaper.host_reporter r
         where r.boot = p_boot and r.pid_namespace = p_pid_namespace and (r.pid, r.start) <> (v_pid, v_start)
           and r.last_seen_at > v_now - reaper.report_window() and r.last_seen_at <= v_now
         group by r.pid, r.start
      ), sighting as (
        select s.pid, s.start, jsonb_agg(jsonb_build_object('pid', r.pid, 'start', r.start)) as seen_by
          from recent r cross join lateral jsonb_to_recordset(r.seen) s(pid bigint, start text)
         group by s.pid, s.start
      )
      select coalesce(jsonb_agg(jsonb_build_object('pid', o.pid, 'start', o.start,
                                                   'lastMs', 1000 * extract(epoch from o.last_seen_at)::double precision,
                                                   'seenBy', o.seen_by)), '[]')
        from (select r.pid, r.start, r.last_seen_at, coalesce(s.seen_by, '[]') as seen_by
                from recent r
                left join sighting s using (pid, start)
               order by v_seen @> jsonb_build_array(jsonb_build_object('pid', r.pid, 'start', r.start)), r.last_seen_at desc
               limit 200) o));
end
$$;

-- A probe's report about itself: once per interval, and before it answers a look or an examination. A report ends what was declared
-- about its host or boot.
--
-- p_measured_at  the database's clock, read BEFORE the two uptimes were measured: a probe that is delayed in between makes its kernel
--                seem older, which proves no death
-- p_reporter     which process reports, see reaper.note_reporter. Its result becomes reporter, where isTwice says whether the boot counts
--                as shared by two machines for any reason
create function reaper.report_host(
  p_host          text,
  p_boot          text,
  p_pid_namespace text,
  p_machine_id    text,
  p_is_initial    boolean,
  p_measured_at   timestamptz default null,
  p_uptime_s      double precision default null,  -- of the kernel
  p_pid1_age_s    double precision default null,  -- of pid 1 in the probe's namespace
  p_seen          integer default null,           -- null: no examination since the last report
  p_dead          integer default null,
  p_unknown       integer default null,
  p_failing       text default null,
  p_reporter      jsonb default null,
  p_by_itself     boolean default false,          -- the examination was the probe's own, so that sweeps need not ask for one
  out interval_s  double precision,
  out enabled     boolean,
  out paused      boolean,
  out reporter    jsonb
)
  language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
  v_now   timestamptz := reaper.now();
  v_began timestamptz;
  v_pid1  timestamptz;
  v_twice timestamptz;
  v_new   boolean;
begin
  if p_host is null or length(p_host) not between 1 and 200
     or p_boot is null or p_boot !~ '^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$'
     or p_pid_namespace is null or p_pid_namespace !~ '^[0-9]{0,20}$'
     or p_machine_id is null or length(p_machine_id) > 200 or p_is_initial is null then
    raise exception 'expected a host, boot id, pid namespace and machine id as a probe reads them, got host %, boot %, namespace %',
        quote_nullable(left(p_host, 200)), quote_nullable(left(p_boot, 40)), quote_nullable(left(p_pid_namespace, 20))
      using errcode = 'invalid_parameter_value';
  end if;
  if p_boot <> '' and p_measured_at between v_now - interval '30 s' and v_now then
    v_began := p_measured_at - make_interval(secs => p_uptime_s);
    v_pid1 := p_measured_at - make_interval(secs => p_pid1_age_s);
    -- A kernel that was stopped for a while seems younger from then on. One that then seems older is another kernel.
    select v_now into v_twice from reaper.host_boot b
     where b.boot = p_boot and b.last_seen_at > v_now - reaper.report_window()
    -- A clock that was set back makes every kernel seem older.
    having v_began < max(b.told_began_at) - interval '60 s' and v_now >= max(b.last_seen_at);
  end if;
  if p_boot <> '' and p_reporter is not null then
    reporter := reaper.note_reporter(p_boot, p_pid_namespace, p_host, p_reporter);
    if (reporter ->> 'isTwice')::boolean then
      v_twice := v_now;
    end if;
  end if;

  insert into reaper.host_boot as b (boot, pid_namespace, host, machine_id, is_initial, began_at, told_began_at, pid1_began_at,
                                     first_seen_at, last_seen_at, twice_at, seen, dead, unknown, examined_at, failing, failing_since)
  values (p_boot, p_pid_namespace, p_host, p_machine_id, p_is_initial, v_began, v_began, v_pid1, v_now, v_now, v_twice,
          p_seen, p_dead, p_unknown, case when p_by_itself and p_seen is not null then v_now end, left(p_failing, 500), case when p_failing is not null then v_now end)
  on conflict (boot, pid_namespace, host) do update
    set machine_id = excluded.machine_id,
        is_initial = excluded.is_initial,
        began_at = least(b.began_at, excluded.began_at),
        told_began_at = coalesce(excluded.told_began_at, b.told_began_at),
        pid1_began_at = coalesce(excluded.pid1_began_at, b.pid1_began_at),
        last_seen_at = greatest(b.last_seen_at, excluded.last_seen_at),
        twice_at = coalesce(excluded.twice_at, b.twice_at),
        seen = coalesce(excluded.seen, b.seen),
        dead = coalesce(excluded.dead, b.dead),
        unknown = coalesce(excluded.unknown, b.unknown),
        examined_at = coalesce(excluded.examined_at, b.examined_at),
        failing = excluded.failing,
        failing_since = case when excluded.failing is not null then coalesce(b.failing_since, excluded.failing_since) end
  returning xmax = 0 into v_new;
  -- Every pod has its own line. A line is useless once no run is as old.
  if v_new then
    delete from reaper.host_boot where last_seen_at < v_now - interval '90 days';
  end if;
  if reporter is not null then
    reporter := reporter || jsonb_build_object('isTwice', exists (
      select from reaper.host_boot b where b.boot = p_boot and b.twice_at > v_now - interval '1 hour'));
  end if;

  select coalesce((c.policy ->> 'intervalS')::double precision, 15), coalesce((c.policy ->> 'enabled')::boolean, true), c.paused
    into interval_s, enabled, paused
    from reaper.control c;
end
$$;

-- What is on record about some boots, with the database's clock: for a probe, which may not read the tables.
--
-- A running job is late if it has a stamp of one boot and, according to its row, started over a minute after another of these boots, which
-- can have followed that one, began.
--
-- p_stamps         the stamps that are to be judged
-- last_start_ms    when the youngest late job started; none that starts in over an hour, because such a clock is wrong
-- last_process_ms  when the youngest process in the stamp of a late job started, by its ticks: a row can be wrong about its start, or have
--                  the stamp of an earlier run, but this comes from the kernel that made the stamp. 100 ticks are a second
-- late_stamps      those of p_stamps that a late job has
create function reaper.boots(p_boots text[], p_stamps text[] default '{}') returns table (
  now_ms double precision, boot text, pid_namespace text, host text, machine_id text, is_initial boolean,
  began_ms double precision, first_seen_ms double precision, last_seen_ms double precision, twice_ms double precision,
  last_start_ms double precision, last_process_ms double precision, late_stamps text[])
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := reaper.now();
begin
  return query
  select 1000 * extract(epoch from v_now)::double precision, b.boot, b.pid_namespace, b.host, b.machine_id, b.is_initial,
         1000 * extract(epoch from b.began_at)::double precision, 1000 * extract(epoch from b.first_seen_at)::double precision,
         1000 * extract(epoch from b.last_seen_at)::double precision, 1000 * extract(epoch from b.twice_at)::double precision,
         1000 * extract(epoch from l.last_start)::double precision,
         1000 * extract(epoch from b.began_at)::double precision + 10 * l.last_ticks,
         coalesce(l.stamps, '{}')
    from reaper.host_boot b
    cross join lateral (
      select min(n.began_at) + interval '1 minute' as since
        from reaper.host_boot n
       where n.boot = any (p_boots) and n.host = b.host and n.machine_id = b.machine_id and n.boot <> b.boot
         and n.first_seen_at > b.first_seen_at) n
    -- This reads every running job, unless their table has an index on the start. The start is compared first, because that is cheap.
    cross join lateral (
      select max(r.started_at) filter (where r.started_at < v_now + interval '1 hour') as last_start,
             max(substring(r.process_identity from ':([0-9]{1,12})$')::double precision) as last_ticks,
             array_agg(distinct r.process_identity) filter (where r.process_identity = any (p_stamps)) as stamps
        from reaper.readable_run r
       where n.since is not null
         and r.started_at > n.since and isfinite(r.started_at)
         and split_part(r.process_identity, ':', 3) = b.boot) l
   where b.boot = any (p_boots)
   order by b.boot, b.pid_namespace, b.host;
end
$$;

-- Who declared the host of a run gone, or null if no declaration applies to a run that started then. A declaration covers runs that
-- started before it, and one answer or report of a probe there ends it for good.
create function reaper.host_is_gone(p_host text, p_started_at timestamptz) returns text
  language sql stable
  as $$
    select g.by from reaper.gone_host g
     where g.host = p_host
       and p_started_at < g.declared_at
       -- A declaration in the future was made before the clock was set back: it says nothing about runs that started since.
       and g.declared_at <= (select reaper.now())
       and coalesce(reaper.host_answered_at(p_host) <= g.declared_at, true)
  $$;

-- Boot id and pid namespace of a Linux stamp; null for any other text. Without backslashes, because sessions differ in reading them.
create function reaper.stamp_boot(p_process_identity text) returns text
  language sql immutable
  as $$ select substring(p_process_identity from '^linux:[^:[:space:]]*:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):[0-9]+:[0-9]+$') $$;

create function reaper.stamp_namespace(p_process_identity text) returns text
  language sql immutable
  as $$ select substring(p_process_identity from '^linux:[^:[:space:]]*:[0-9a-f-]{36}:([0-9]+):[0-9]+$') $$;

-- What an operator declared about the place in a run's stamp, as evidence of its death, or null: that its boot is gone, or that its
-- host's name now belongs to another machine or container. A report of a probe from that very place overrides it.
create function reaper.place_is_gone(p_host text, p_started_at timestamptz, p_process_identity text) returns text
  language sql stable
  as $$
    select coalesce(
      (select format('boot %s declared gone by %s', g.boot, g.by) from reaper.gone_boot g
        where g.boot = reaper.stamp_boot(p_process_identity)
          and not exists (select from reaper.host_boot b where b.boot = g.boot and b.last_seen_at > g.declared_at)),
      (select format('host declared replaced by %s: the run started before pid 1 of its probe, and in another pid namespace', r.by)
         from reaper.replaced_host r
        where r.host = p_host
          and p_started_at < r.began_at
          and (reaper.stamp_boot(p_process_identity), reaper.stamp_namespace(p_process_identity)) <> (r.boot, r.pid_namespace)
          and not exists (select from reaper.host_boot b
                           where b.boot = reaper.stamp_boot(p_process_identity)
                             and b.pid_namespace = reaper.stamp_namespace(p_process_identity)
                             and b.last_seen_at > r.declared_at)))
  $$;

-- Declares every run dead that started on a host before now. Refused while a probe there answers, which means that it answered or
-- reported within the last three intervals.
create or replace function reaper.declare_host_gone(p_host text, p_by text) returns timestamptz
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_now      timestamptz;
  v_answered timestamptz;
begin
  lock table reaper.control in share row exclusive mode;
  v_now := reaper.now();
  v_answered := reaper.host_answered_at(p_host);
  if v_answered > v_now - reaper.report_window() then
    raise exception 'expected host "%" to be gone, got an answer of its probe % s ago: stop the probe there first, or hold its jobs; if another machine or pod now has its name, declare it with --replaced',
        p_host, floor(extract(epoch from v_now - v_answered))
      using errcode = 'RP002';
  end if;
  insert into reaper.gone_host (host, declared_at, by) values (p_host, v_now, p_by)
  on conflict (host) do update set declared_at = excluded.declared_at, by = excluded.by;
  perform reaper.note_change(p_by, 'host-gone', jsonb_build_object('host', p_host));
  return v_now;
end
$$;

-- Declares that the probe that now answers for a host is in another place than its predecessor: see reaper.place_is_gone.
create function reaper.declare_host_replaced(p_host text, p_by text) returns timestamptz
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   timestamptz;
  v_count integer;
  v_probe reaper.host_boot;
begin
  lock table reaper.control in share row exclusive mode;
  v_now := reaper.now();
  select count(*) into v_count from reaper.host_boot b
   where b.host = p_host and b.last_seen_at > v_now - reaper.report_window();
  if v_count <> 1 then
    raise exception 'expected one probe to report for host "%", got %: %', p_host, v_count,
        case when v_count = 0 then 'start a worker there, or omit --replaced if the host is gone for good'
             else 'wait until the old one has been silent for three intervals, or see job-reaper status' end
      using errcode = 'RP002';
  end if;
  select b.* into v_probe from reaper.host_boot b
   where b.host = p_host and b.last_seen_at > v_now - reaper.report_window();
  if v_probe.pid1_began_at is null then
    raise exception 'expected the probe of host "%" to report when its pid 1 started, got nothing: it cannot read /proc/1/stat (hidepid?), or has not reported it yet', p_host
      using errcode = 'RP002';
  end if;
  insert into reaper.replaced_host (host, declared_at, by, boot, pid_namespace, began_at)
  values (p_host, v_now, p_by, v_probe.boot, v_probe.pid_namespace, v_probe.pid1_began_at)
  on conflict (host) do update
    set declared_at = excluded.declared_at, by = excluded.by, boot = excluded.boot, pid_namespace = excluded.pid_namespace,
        began_at = excluded.began_at;
  perform reaper.note_change(p_by, 'host-gone', jsonb_build_object('host', p_host, 'replaced', true, 'boot', v_probe.boot,
    'pid_namespace', v_probe.pid_namespace, 'began_at', v_probe.pid1_began_at));
  return v_now;
end
$$;

-- Declares every run of a boot dead, for a machine that will not return. Refused while a probe of that boot reports.
create function reaper.declare_boot_gone(p_boot text, p_by text) returns timestamptz
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_now  timestamptz;
  v_last reaper.host_boot;
begin
  if p_boot is null or p_boot !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    raise exception 'expected a boot id, which is the third field of a stamp, got %', quote_nullable(left(p_boot, 200))
      using errcode = 'invalid_parameter_value';
  end if;
  lock table reaper.control in share row exclusive mode;
  v_now := reaper.now();
  select b.* into v_last from reaper.host_boot b where b.boot = p_boot order by b.last_seen_at desc limit 1;
  if v_last.last_seen_at > v_now - reaper.report_window() then
    raise exception 'expected boot % to be gone, got a report of its probe on host "%" % s ago: stop the probe there first, or hold its jobs',
        p_boot, v_last.host, floor(extract(epoch from v_now - v_last.last_seen_at))
      using errcode = 'RP002';
  end if;
  insert into reaper.gone_boot (boot, declared_at, by) values (p_boot, v_now, p_by)
  on conflict (boot) do update set declared_at = excluded.declared_at, by = excluded.by;
  perform reaper.note_change(p_by, 'boot-gone', jsonb_build_object('boot', p_boot));
  return v_now;
end
$$;

-- As before, except that unreadable rows (see reaper.readable_run in sql/views.sql) no longer fail a sweep's record.
create or replace function reaper.record_sweep(p_at timestamptz, p_summary jsonb) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_silent jsonb := coalesce(p_summary -> 'hostsWithoutProbe', '[]');
begin
  insert into reaper.last_sweep (at, summary) values (p_at, p_summary - 'hostsAnswered')
  on conflict (only_row) do update set at = excluded.at, summary = excluded.summary;

  insert into reaper.host_probe (host, answered_at)
  select h, p_at from jsonb_array_elements_text(coalesce(p_summary -> 'hostsAnswered', '[]')) h
  on conflict (host) do update set answered_at = excluded.answered_at, missing_since = null;

  insert into reaper.host_probe (host, missing_since)
  select h, p_at from jsonb_array_elements_text(v_silent) h
  on conflict (host) do update set missing_since = excluded.missing_since where host_probe.missing_since is null;

  perform reaper.owe_silent_hosts(p_at, v_silent);

  -- Hosts without running jobs are no longer asked: silence that caused no alert by then is forgotten. A failed sweep did not ask.
  update reaper.host_probe p
     set missing_since = null
   where p.missing_since is not null
     and p_summary ->> 'error' is null
     and not exists (select from reaper.readable_run r where r.host = p.host)
     and not exists (select from reaper.notification n
                      where n.key = reaper.silent_host_key(p.host, p.missing_since));

  update reaper.observation o
     set became_at = reaper.now(),
         became = case when exists (select from reaper.ledger l where l.job_id = o.job_id and l.run_key = o.run_key)
                       then 'reaped' else 'ended by itself' end
   where o.became is null
     and not exists (select from reaper.readable_run r where r.job_id = o.job_id and r.run_key = o.run_key)
     -- It is unknown whether these are over.
     and not exists (select from reaper.unreadable_run u where u.job_id = o.job_id)
     and not exists (select from reaper.adapter_trouble());
end
$$;

-- The runs of all hosts that people have to be told of are counted in one pass.
create or replace function reaper.owe_silent_hosts(p_at timestamptz, p_hosts jsonb) returns void
  language plpgsql
as $$
begin
  with silent as materialized (
    select p.host, reaper.silent_host_key(p.host, p.missing_since) as key,
           to_char(p.missing_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since
      from reaper.host_probe p
     where p_hosts ? p.host
       and p.missing_since <= p_at - make_interval(secs => 3 * reaper.published('intervalS', '15')::double precision)
       and not exists (select from reaper.gone_host g where g.host = p.host and g.declared_at >= p.missing_since)
  ), new as materialized (
    select s.* from silent s where not exists (select from reaper.notification n where n.key = s.key)
  ), running as materialized (
    select r.host, count(*) as runs from reaper.readable_run r
     where exists (select from new) and (r.host in (select new.host from new)) is true
     group by r.host
  )
  insert into reaper.notification (key, kind, host, reason, text, due_at)
  select new.key, 'host without probe', new.host, 'no probe answers since ' || new.since,
         format('⚠️ reaper: no probe answers on host %s since %s: its %s running jobs are unknown, none of them is reaped by a dead pid',
                new.host, new.since, coalesce(running.runs, 0)),
         reaper.now()
    from new left join running on running.host = new.host
   order by new.host
  on conflict (key) do nothing;
end
$$;
