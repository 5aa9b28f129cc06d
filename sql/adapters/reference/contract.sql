-- Adapter for the reference schema: jobs, their runs, their tasks. Safe to run again. Creates the tables that do not exist. Their
-- indexes are a separate step, indexes.sql.

create table if not exists public.tasks (
  id           text primary key,
  repo         text,
  branch       text,
  stage        text,
  work_item_id text
);

create table if not exists public.agent_runs (
  id          text primary key,
  exit_code   integer,
  finished_at timestamptz               -- when the exit code was recorded
);

create table if not exists public.jobs (
  id               text primary key default gen_random_uuid()::text,
  task_id          text references public.tasks,
  agent            text,
  repo             text,
  stage            text,                -- the stage the job was made for, where the launcher records it
  status           text not null default 'queued' check (status in ('queued', 'running', 'done', 'failed')),
  attempts         integer default 0,   -- counted when a run starts
  max_attempts     integer default 2,
  host             text,
  pid              integer,
  process_identity text,
  run_id           text references public.agent_runs,
  started_at       timestamptz,
  finished_at      timestamptz,
  error            text
);

create or replace view reaper.running_job as
select
  j.id                  as job_id,
  -- One execution: the attempt and the moment it started, to the microsecond and in any time zone the same. If the row does not say
  -- when it started, the run's id stands in for the moment. Both must be set together with "running".
  coalesce(j.attempts, 0) || '-' || coalesce(
    case when j.started_at > '-infinity' and j.started_at < '10000-01-01Z' then
      ((extract(epoch from j.started_at) * 1000000)::bigint)::text end,
    'run:' || j.run_id)  as run_key,
  j.run_id              as run_id,
  j.task_id             as task_id,
  j.agent               as agent,
  coalesce(j.repo, t.repo) as repo,
  j.host                as host,
  j.pid::bigint         as pid,
  j.process_identity    as process_identity,
  j.attempts            as attempts,
  j.max_attempts        as max_attempts,
  null::bigint          as max_running_s,
  j.started_at          as started_at,
  a.exit_code           as exit_code,
  a.finished_at         as finished_at,
  t.branch              as branch,
  t.stage               as stage,
  j.stage               as job_stage,
  t.work_item_id        as work_item
from public.jobs j
left join public.agent_runs a on a.id = j.run_id
left join public.tasks t on t.id = j.task_id
where j.status = 'running';

create or replace function reaper.lock_run(p_job_id text, p_run_key text) returns setof reaper.running_job
  language plpgsql
as $$
begin
  perform from public.jobs where id = p_job_id for no key update;
  -- A separate statement: a joined one would return the run as it was before the wait for the lock.
  return query select * from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key;
end
$$;

-- Those of these jobs that are queued or running.
create or replace function reaper.open_jobs(p_job_ids text[]) returns table (job_id text, created_at timestamptz)
  language sql stable
as $$
  select id, null::timestamptz from public.jobs where id = any (p_job_ids) and status in ('queued', 'running')
$$;

-- The rows of many runs at once. Those that somebody else has locked are skipped.
create or replace function reaper.lock_runs(p_job_ids text[]) returns setof text
  language sql
as $$
  select id from public.jobs where id = any (p_job_ids) for no key update skip locked
$$;

create or replace function reaper.finish(p_job_id text, p_run_key text, p_status text, p_error text) returns boolean
  language plpgsql
  -- The path that the triggers of these tables expect: a claim's own is pg_catalog alone.
  set search_path = public, pg_temp
as $$
begin
  update public.jobs j
     set status           = p_status,
         error            = case when p_status = 'done' then null else p_error end,
         finished_at      = case when p_status = 'queued' then null else reaper.now() end,
         host             = case when p_status = 'queued' then null else host end,
         pid              = case when p_status = 'queued' then null else pid end,
         process_identity = case when p_status = 'queued' then null else process_identity end,
         run_id           = case when p_status = 'queued' then null else run_id end,
         started_at       = case when p_status = 'queued' then null else started_at end
   where j.id = p_job_id
     and j.status = 'running'
     -- The row itself says so, too: the view goes on showing the old table where one was swapped for this one.
     and exists (select from reaper.running_job r
                  where r.job_id = p_job_id and r.run_key = p_run_key
                    and (r.attempts, r.started_at, r.run_id, r.pid, r.process_identity)
                        is not distinct from (j.attempts, j.started_at, j.run_id, j.pid::bigint, j.process_identity));
  return found;
end
$$;

-- Called after finish, in its transaction: moves the job's task on and enqueues the next stage's job.
create or replace function reaper.advance(
  p_job_id text, p_run_key text, p_from_stage text, p_to_stage text, p_next_agent text) returns boolean
  language plpgsql
  set search_path = public, pg_temp
as $$
declare
  v_task public.tasks;
begin
  update public.tasks t
     set stage = p_to_stage
    from public.jobs j
   where j.id = p_job_id and t.id = j.task_id and t.stage = p_from_stage
  returning t.* into v_task;
  if not found then
    return false;
  end if;
  if p_next_agent is not null then
    insert into public.jobs (task_id, agent, repo, status, attempts, max_attempts)
    values (v_task.id, p_next_agent, v_task.repo, 'queued', 0, 2);
  end if;
  return true;
end
$$;
