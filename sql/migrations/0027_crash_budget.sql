-- The crash budget (REAPER_MAX_CRASHES): how often a job may die by its own process. See src/domain/crash-budget.ts for what follows.

-- What ended with a run that was found dead: `process`, it alone; `reboot`, `host-gone`, `boot-gone`. Null for other claims, and for those
-- of older versions.
alter table reaper.ledger add column cause text;
create index ledger_process_idx on reaper.ledger (process_identity, pid) where process_identity is not null;

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

-- How often the jobs of these runs have died by their own process, and, of a run whose budget is used up, whether it was alone in its process:
-- no other running row names the same stamp, and no claim does. Without a stamp that cannot be told, so it counts as not alone. No rows
-- without a budget.
create function reaper.crash_facts(p_job_ids text[], p_run_keys text[])
  returns table (job_id text, run_key text, earlier integer, alone boolean)
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  c_most constant integer := 1000; -- that are counted beyond the budget: a message tells how many
  v_max  integer := reaper.published('maxCrashes', null)::integer;
begin
  if v_max is null then
    return;
  end if;
  return query
  with wanted as materialized (
    select u.job_id, u.run_key, coalesce(c.earlier, 0) as earlier
      from unnest(p_job_ids, p_run_keys) u(job_id, run_key)
      left join (select k.job_id, count(*)::integer as earlier from reaper.crashes_of(p_job_ids, v_max + c_most) k group by k.job_id) c
        on c.job_id = u.job_id
  ),
  -- One pass over the running jobs, and none while no budget is used up.
  run as materialized (
    select r.job_id, r.run_key, r.pid, r.process_identity
      from reaper.readable_run r
     where exists (select from wanted w where w.earlier >= v_max) and r.process_identity is not null
  ),
  crowd as materialized (
    select r.pid, r.process_identity from run r group by r.pid, r.process_identity having count(*) > 1
  )
  select w.job_id, w.run_key, w.earlier,
         case when w.earlier >= v_max then
           coalesce((select not exists (select from crowd c where c.process_identity = r.process_identity and c.pid is not distinct from r.pid)
                        and not exists (select from reaper.ledger l
                                         where l.process_identity = r.process_identity and l.pid is not distinct from r.pid
                                           and l.job_id <> r.job_id)
                       from run r where r.job_id = w.job_id and r.run_key = w.run_key), false) end
    from wanted w;
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
           format('⚠️ reaper: job %s (%s, repo %s) was requeued although it has died %s times by its own process, over REAPER_MAX_CRASHES=%s: other jobs ran in that process, or it has no stamp, so it cannot be told which of them kills it',
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
