-- Adapter for a queue that is just one jobs table: no stages, so exit 0 is done. Safe to run again, and a good start for your own
-- adapter. Creates the table if it does not exist. Its index is a separate step, indexes.sql.

create table if not exists public.jobs (
  id               bigint generated always as identity primary key,
  kind             text,
  status           text not null default 'queued' check (status in ('queued', 'running', 'done', 'failed')),
  attempts         integer not null default 0,
  max_attempts     integer not null default 2,
  run              uuid,                -- a new one whenever a launcher sets the job running
  host             text,
  pid              integer,
  process_identity text,
  started_at       timestamptz,
  exit_code        integer,
  exited_at        timestamptz,
  error            text
);

create or replace view reaper.running_job as
select
  id::text            as job_id,
  run::text           as run_key,
  run::text           as run_id,
  null::text          as task_id,
  kind                as agent,
  null::text          as repo,
  host                as host,
  pid::bigint         as pid,
  process_identity    as process_identity,
  attempts            as attempts,
  max_attempts        as max_attempts,
  null::bigint        as max_running_s,
  started_at          as started_at,
  exit_code           as exit_code,
  exited_at           as finished_at,
  null::text          as branch,
  null::text          as stage,
  null::text          as job_stage,
  null::text          as work_item
from public.jobs
where status = 'running';

create or replace function reaper.lock_run(p_job_id text, p_run_key text) returns setof reaper.running_job
  language plpgsql
as $$
begin
  perform from public.jobs where id = p_job_id::bigint for no key update;
  return query select * from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key;
end
$$;

-- Those of these jobs that are queued or running.
create or replace function reaper.open_jobs(p_job_ids text[]) returns table (job_id text, created_at timestamptz)
  language sql stable
as $$
  select id::text, null::timestamptz from public.jobs
   where id = any (array(select u::bigint from unnest(p_job_ids) u where u ~ '^[0-9]{1,18}$')) and status in ('queued', 'running')
$$;

-- The rows of many runs at once. Those that somebody else has locked are skipped.
create or replace function reaper.lock_runs(p_job_ids text[]) returns setof text
  language sql
as $$
  select id::text from public.jobs where id = any (p_job_ids::bigint[]) for no key update skip locked
$$;

create or replace function reaper.finish(p_job_id text, p_run_key text, p_status text, p_error text) returns boolean
  language plpgsql
  -- The path that the triggers of this table expect: a claim's own is pg_catalog alone.
  set search_path = public, pg_temp
as $$
begin
  update public.jobs j
     set status           = p_status,
         error            = case when p_status = 'done' then null else p_error end,
         run              = case when p_status = 'queued' then null else run end,
         host             = case when p_status = 'queued' then null else host end,
         pid              = case when p_status = 'queued' then null else pid end,
         process_identity = case when p_status = 'queued' then null else process_identity end,
         started_at       = case when p_status = 'queued' then null else started_at end,
         exit_code        = case when p_status = 'queued' then null else exit_code end,
         exited_at        = case when p_status = 'queued' then null else exited_at end
   where j.id = p_job_id::bigint and j.status = 'running' and j.run::text = p_run_key
     -- The row itself says so, too: the view goes on showing the old table where one was swapped for this one.
     and exists (select from reaper.running_job r
                  where r.job_id = p_job_id and r.run_key = p_run_key
                    and (r.pid, r.process_identity, r.exit_code)
                        is not distinct from (j.pid::bigint, j.process_identity, j.exit_code));
  return found;
end
$$;
