-- The crash budget (REAPER_MAX_CRASHES): how often a job may die by its own process. See src/domain/crash-budget.ts for what follows.

-- What ended with a run that was found dead: `process`, it alone; `reboot`, `host-gone`, `boot-gone`. Null for other claims, and for those
-- of older versions.
alter table reaper.ledger add column cause text;

-- The process of a stamp, whoever wrote it: without the machine id, which a container's image or the probe that a token is resolved by may
-- give differently, and with the spaces that `ps` pads with reduced to one. Not by the row's host: a boot belongs to one machine, but a host can be
-- renamed while a process of it is still named by rows. Without a regular expression for the first: it is asked of each running row. Cut where
-- no stamp is that long: the index has no room for any text, and a row with one must be claimed all the same.
create function reaper.stamped_process(p_process_identity text) returns text
  language sql immutable
  as $$
    select case when starts_with(p_process_identity, 'linux:')
                then 'linux:' || left(substr(p_process_identity, 7 + strpos(substr(p_process_identity, 7), ':')), 500)
                else regexp_replace(left(p_process_identity, 500), ' +', ' ', 'g') end
  $$;

-- All processes with the same pid that are the stamp's: a start can be rounded to the tick before or after.
create function reaper.stamped_processes(p_process_identity text) returns text[]
  language sql immutable
  as $$
    select case when p ~ '^linux:.*:[0-9]{1,18}$'
                then array(select regexp_replace(p, '[0-9]+$', (substring(p from '[0-9]+$')::bigint + d)::text) from generate_series(-1, 1) d)
                else array[p] end
      from reaper.stamped_process(p_process_identity) p
  $$;

create index ledger_process_idx on reaper.ledger (reaper.stamped_process(process_identity)) where process_identity is not null;

-- The newest p_most deaths of each of these jobs by its own process. Not those that turned out to be none, nor those of an earlier job with
-- the same id, where the adapter tells.
create function reaper.crashes_of(p_job_ids text[], p_most integer) returns table (job_id text, ledger_id bigint)
  language plpgsql stable set search_path = pg_catalog, pg_temp
  set enable_seqscan = off -- a plan made for an empty ledger lasts as long as its session
as $$
#variable_conflict use_column
declare
  v_since jsonb := '{}';
begin
  if to_regprocedure('reaper.open_jobs(text[])') is not null then
    execute 'select coalesce(jsonb_object_agg(o.job_id, o.created_at), ''{}'') from reaper.open_jobs($1) o where o.created_at is not null'
       into v_since using p_job_ids;
  end if;
  return query
  select j.job_id, l.id
    from (select distinct u.job_id from unnest(p_job_ids) u(job_id)) j
   cross join lateral (
     select k.id
       from (select l.id
               from reaper.ledger l
              where l.job_id = j.job_id and l.cause = 'process'
                and (v_since ->> j.job_id is null or l.claimed_at >= (v_since ->> j.job_id)::timestamptz)
                and not exists (select from reaper.survivor s where s.ledger_id = l.id)
             offset 0) k -- else the whole ledger could be read backwards to find the newest
      order by k.id desc
      limit p_most) l;
end
$$;

-- Whether a claim on record ended a run of another job in this process.
create function reaper.had_neighbours(p_job_id text, p_pid bigint, p_process_identity text) returns boolean
  language plpgsql stable set search_path = pg_catalog, pg_temp
  set enable_seqscan = off -- as above
as $$
begin
  return exists (select from reaper.ledger l
                  where reaper.stamped_process(l.process_identity) = any (reaper.stamped_processes(p_process_identity))
                    and l.process_identity is not null and l.pid is not distinct from p_pid and l.job_id <> p_job_id);
end
$$;

-- How often the jobs of these runs have died by their own process, and, of a run whose budget is used up, whether it was alone in its process:
-- no other running row names the same process, and no claim does. Without a stamp that cannot be told, so it counts as not alone; nor can
-- it while nothing says which worker runs another row, which may be this one. No rows
-- without a budget. It reads the running jobs if a budget is used up, so nobody may have to wait for its caller meanwhile.
create function reaper.crash_facts(p_job_ids text[], p_run_keys text[])
  returns table (job_id text, run_key text, earlier integer, alone boolean)
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  c_most    constant integer := 1000; -- that are counted beyond the budget: a message tells how many
  v_max     integer := reaper.published('maxCrashes', null)::integer;
  v_earlier jsonb;
  v_over    text[];
  v_jobs    text[];
  v_keys    text[];
  v_pids    bigint[];
  v_stamps  text[];
  v_runs    jsonb; -- by pid and process, how many run there
  v_unsaid  boolean := false;
begin
  if v_max is null then
    return;
  end if;
  select coalesce(jsonb_object_agg(c.job_id, c.deaths), '{}') into v_earlier
    from (select k.job_id, count(*) as deaths from reaper.crashes_of(p_job_ids, v_max + c_most) k group by k.job_id) c;
  v_over := array(select u.job_id from unnest(p_job_ids) u(job_id) where coalesce((v_earlier ->> u.job_id)::integer, 0) >= v_max);
  if cardinality(v_over) > 0 then
    -- `is true` keeps Postgres from turning a list into a join, for which it could read one side again for each row of the other.
    select array_agg(r.job_id), array_agg(r.run_key), array_agg(r.pid), array_agg(r.process_identity) into v_jobs, v_keys, v_pids, v_stamps
      from reaper.readable_run r
     where (r.job_id in (select unnest(v_over))) is true and r.process_identity is not null;
    -- The pid first, which is cheap to compare.
    select jsonb_object_agg(k.process, k.runs) into v_runs
      from (select format('%s %s', r.pid, reaper.stamped_process(r.process_identity)) as process, count(*) as runs
              from reaper.readable_run r
             where case when (r.pid in (select unnest(v_pids))) is true
                        then (reaper.stamped_process(r.process_identity) in
                               (select unnest(reaper.stamped_processes(n.stamp)) from unnest(v_stamps) n(stamp))) is true else false end
             group by 1) k;
    v_unsaid := reaper.names_workers()
                and exists (select from reaper.readable_run r
                             where r.run_id is null and r.host is null and r.pid is null and r.process_identity is null);
  end if;
  return query
  select w.job_id, w.run_key, w.earlier, case when w.earlier >= v_max then coalesce(m.alone, false) and not v_unsaid end
    from (select u.job_id, u.run_key, coalesce((v_earlier ->> u.job_id)::integer, 0) as earlier
            from unnest(p_job_ids, p_run_keys) u(job_id, run_key)) w
    left join (select n.job_id, n.run_key,
                      (select sum((v_runs ->> format('%s %s', n.pid, p.process))::bigint) from unnest(reaper.stamped_processes(n.stamp)) p(process)) = 1
                      and not reaper.had_neighbours(n.job_id, n.pid, n.stamp) as alone
                 from unnest(v_jobs, v_keys, v_pids, v_stamps) n(job_id, run_key, pid, stamp)) m
      on m.job_id = w.job_id and m.run_key = w.run_key;
end
$$;

-- The alert that a job has died too often by its own process but is requeued, because others were in that process. Part of a claim, whose
-- watch sends it.
create function reaper.owe_crash_alert(p_ledger_id bigint) returns bigint
  language sql
  as $$
    insert into reaper.notification (key, kind, ledger_id, job_id, run_key, host, agent, repo, reason, text, due_at)
    select reaper.notification_key('crash-budget', l.job_id, l.run_key), 'crash budget', l.id, l.job_id, l.run_key, l.host, l.agent, l.repo,
           format('crash budget deaths=%s>%s: %s', b.deaths, b.max, l.reason),
           format('⚠️ reaper: job %s (%s, repo %s) was requeued although it has died %s times by its own process, over REAPER_MAX_CRASHES=%s: other jobs ran in that process, or may have, so it cannot be told which of them kills it',
                  l.job_id, coalesce(l.agent, 'None'), coalesce(l.repo, 'None'), b.deaths, b.max),
           reaper.now() + interval '120 s'
      from reaper.ledger l
     cross join lateral (select l.evidence #>> '{crashBudget,deaths}' as deaths, l.evidence #>> '{crashBudget,max}' as max) b
     where l.id = p_ledger_id
    returning id
  $$;

-- The claims that the crash budget still counts, although they are that old: of jobs that are running or queued, as many as the budget has.
-- Where the adapter cannot tell which are queued, of running ones.
create function reaper.counted_crashes(p_before timestamptz) returns setof bigint
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_max  integer := reaper.published('maxCrashes', null)::integer;
  v_jobs text[];
  v_open text[];
begin
  if v_max is null then
    return;
  end if;
  select array_agg(distinct l.job_id) into v_jobs from reaper.ledger l where l.claimed_at < p_before and l.cause = 'process';
  if to_regprocedure('reaper.open_jobs(text[])') is not null then
    execute 'select array_agg(o.job_id) from reaper.open_jobs($1) o' into v_open using v_jobs;
  end if;
  return query
  select k.ledger_id
    from reaper.crashes_of(array(select r.job_id from reaper.running_job r where r.job_id = any (v_jobs)) || v_open, v_max) k;
end
$$;
