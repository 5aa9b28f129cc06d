-- Boots as facts: what a death by reboot, and the end of a declaration, rest on. A line per boot, pid namespace and name of a
-- host, written by the probes that report from there and by nothing else.
create table reaper.host_boot (
  boot          text not null,           -- '' where the platform has no boot ids
  pid_namespace text not null,           -- its inode; '' likewise
  host          text not null,           -- as REAPER_HOST says
  machine_id    text not null,           -- '' for none
  is_initial    boolean not null,        -- seen from the kernel's first pid namespace, with a boot id that is the kernel's own
  began_at      timestamptz,             -- when its kernel began, by the database's clock: the earliest that was told
  told_began_at timestamptz,             -- the same as it was told last
  pid1_began_at timestamptz,             -- when pid 1 of the probe's namespace began
  first_seen_at timestamptz not null,
  last_seen_at  timestamptz not null,
  twice_at      timestamptz,             -- when it was last noticed that two kernels have this boot id
  seen          integer,                 -- runs at the last examination, and how many of them were dead or unknown
  dead          integer,
  unknown       integer,
  failing       text,                    -- what its probe fails with
  failing_since timestamptz,
  primary key (boot, pid_namespace, host)
) with (fillfactor = 50);
create index host_boot_host_idx on reaper.host_boot (host);

comment on table reaper.host_boot is 'Which boots of which machines probes have reported from, and when';

-- Boots that an operator declared gone.
create table reaper.gone_boot (
  boot        text primary key,
  declared_at timestamptz not null,
  by          text not null
);

-- Hosts whose name another machine or container has taken over, as an operator says: what had started before it began, and not in
-- its pid namespace, is dead.
create table reaper.replaced_host (
  host          text primary key,
  declared_at   timestamptz not null,
  by            text not null,
  boot          text not null,
  pid_namespace text not null,
  began_at      timestamptz not null
);

-- For how long a host's last report stands for a probe that is there.
create function reaper.report_window() returns interval
  language sql stable
  as $$ select make_interval(secs => 3 * greatest(reaper.published('intervalS', '15')::double precision, 5)) $$;

-- When a probe of a host last answered a sweep or reported; null for never.
create function reaper.host_answered_at(p_host text) returns timestamptz
  language sql stable
  as $$
    select greatest((select p.answered_at from reaper.host_probe p where p.host = p_host),
                    (select max(b.last_seen_at) from reaper.host_boot b where b.host = p_host))
  $$;

-- What a probe says of itself: once an interval, and before the result of a look or an examination goes out. A report ends what was
-- declared of its host or boot.
--
-- p_measured_at  the database's clock as it was read BEFORE the two uptimes were measured: so a probe that is held up in between
--                makes its kernel seem older, which proves no death
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
  out interval_s  double precision,
  out enabled     boolean,
  out paused      boolean
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
    -- A kernel that was stopped for a while seems younger from then on. One that seems older again is another.
    select v_now into v_twice from reaper.host_boot b
     where b.boot = p_boot and b.last_seen_at > v_now - reaper.report_window()
    -- A clock that was put back makes every kernel seem older.
    having v_began < max(b.told_began_at) - interval '60 s' and v_now >= max(b.last_seen_at);
  end if;

  insert into reaper.host_boot as b (boot, pid_namespace, host, machine_id, is_initial, began_at, told_began_at, pid1_began_at,
                                     first_seen_at, last_seen_at, twice_at, seen, dead, unknown, failing, failing_since)
  values (p_boot, p_pid_namespace, p_host, p_machine_id, p_is_initial, v_began, v_began, v_pid1, v_now, v_now, v_twice,
          p_seen, p_dead, p_unknown, left(p_failing, 500), case when p_failing is not null then v_now end)
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
        failing = excluded.failing,
        failing_since = case when excluded.failing is not null then coalesce(b.failing_since, excluded.failing_since) end
  returning xmax = 0 into v_new;
  -- Every pod has a line of its own. None is of use once no run is that old.
  if v_new then
    delete from reaper.host_boot where last_seen_at < v_now - interval '90 days';
  end if;

  select coalesce((c.policy ->> 'intervalS')::double precision, 15), coalesce((c.policy ->> 'enabled')::boolean, true), c.paused
    into interval_s, enabled, paused
    from reaper.control c;
end
$$;

-- What is on record about some boots, with the database's clock: for a probe, which may not read the table.
--
-- last_start_ms  of the running jobs with a stamp of the boot, the youngest one's start, by their rows. Only for a boot that another of
--                these may have followed, since every running job is read for it
create function reaper.boots(p_boots text[]) returns table (
  now_ms double precision, boot text, pid_namespace text, host text, machine_id text, is_initial boolean,
  began_ms double precision, first_seen_ms double precision, last_seen_ms double precision, twice_ms double precision,
  last_start_ms double precision)
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
         case when exists (select from reaper.host_boot n
                            where n.boot = any (p_boots) and n.host = b.host and n.machine_id = b.machine_id and n.boot <> b.boot
                              and n.first_seen_at > b.first_seen_at)
              then (select 1000 * extract(epoch from max(r.started_at))::double precision
                      from reaper.readable_run r
                     where strpos(r.process_identity, ':' || b.boot || ':') > 0 and isfinite(r.started_at)) end
    from reaper.host_boot b
   where b.boot = any (p_boots)
   order by b.boot, b.pid_namespace, b.host;
end
$$;

-- Who declared the host of a run gone, or null when no declaration stands for a run that started then: it speaks of runs that had
-- started before it, and one answer or report of a probe there ends it for good.
create function reaper.host_is_gone(p_host text, p_started_at timestamptz) returns text
  language sql stable
  as $$
    select g.by from reaper.gone_host g
     where g.host = p_host
       and p_started_at < g.declared_at
       -- One that lies ahead was made before the clock was put back: it says nothing of what started since.
       and g.declared_at <= (select reaper.now())
       and coalesce(reaper.host_answered_at(p_host) <= g.declared_at, true)
  $$;

-- Boot id and pid namespace of a Linux stamp; null for any other text. Without backslashes, which not every session reads alike.
create function reaper.stamp_boot(p_process_identity text) returns text
  language sql immutable
  as $$ select substring(p_process_identity from '^linux:[^:[:space:]]*:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):[0-9]+:[0-9]+$') $$;

create function reaper.stamp_namespace(p_process_identity text) returns text
  language sql immutable
  as $$ select substring(p_process_identity from '^linux:[^:[:space:]]*:[0-9a-f-]{36}:([0-9]+):[0-9]+$') $$;

-- What an operator declared of the place that a run's stamp names, as evidence of its death, or null where nothing stands: that its
-- boot is gone, or that its host's name belongs to another machine or container by now. A probe that reports from that very place
-- outranks it.
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

-- Declares every run that started on a host before now dead. Refused while a probe there answers: one that answered or reported
-- within three intervals still counts.
create or replace function reaper.declare_host_gone(p_host text, p_by text) returns timestamptz
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_now      timestamptz;
  v_answered timestamptz;
begin
  lock table reaper.control in share row exclusive mode;
  perform from reaper.control for update;
  v_now := reaper.now();
  v_answered := reaper.host_answered_at(p_host);
  if v_answered > v_now - reaper.report_window() then
    raise exception 'expected host "%" to be gone, got an answer of its probe % s ago: stop the probe there first, or hold its jobs; if another machine or pod has its name by now, declare it with --replaced',
        p_host, floor(extract(epoch from v_now - v_answered))
      using errcode = 'RP002';
  end if;
  insert into reaper.gone_host (host, declared_at, by) values (p_host, v_now, p_by)
  on conflict (host) do update set declared_at = excluded.declared_at, by = excluded.by;
  perform reaper.note_change(p_by, 'host-gone', jsonb_build_object('host', p_host));
  return v_now;
end
$$;

-- Declares that the probe that answers for a host now is in another place than the one before it: see reaper.place_is_gone.
create function reaper.declare_host_replaced(p_host text, p_by text) returns timestamptz
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   timestamptz;
  v_count integer;
  v_probe reaper.host_boot;
begin
  lock table reaper.control in share row exclusive mode;
  perform from reaper.control for update;
  v_now := reaper.now();
  select count(*) into v_count from reaper.host_boot b
   where b.host = p_host and b.last_seen_at > v_now - reaper.report_window();
  if v_count <> 1 then
    raise exception 'expected one probe to report for host "%", got %: %', p_host, v_count,
        case when v_count = 0 then 'start a worker there, or leave out --replaced if it is gone for good'
             else 'wait until the one before it has been silent for three intervals, or see job-reaper status' end
      using errcode = 'RP002';
  end if;
  select b.* into v_probe from reaper.host_boot b
   where b.host = p_host and b.last_seen_at > v_now - reaper.report_window();
  if v_probe.pid1_began_at is null then
    raise exception 'expected the probe of host "%" to say when its pid 1 began, got nothing: it cannot read /proc/1/stat (hidepid?), or has not reported that yet', p_host
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

-- Declares every run of a boot dead, for a machine that never returns. Refused while a probe of that boot reports.
create function reaper.declare_boot_gone(p_boot text, p_by text) returns timestamptz
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_now  timestamptz;
  v_last reaper.host_boot;
begin
  if p_boot is null or p_boot !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    raise exception 'expected a boot id, as in the third field of a stamp, got %', quote_nullable(left(p_boot, 200))
      using errcode = 'invalid_parameter_value';
  end if;
  lock table reaper.control in share row exclusive mode;
  perform from reaper.control for update;
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

