-- An adapter, as docs/sql-contract.md walks through it. Safe to run again.

-- 1. The queue, which is there already. Two columns were added for job-reaper: execution and stamp.
create sequence if not exists public.work_execution;
create table if not exists public.work (
  id           bigint generated always as identity primary key,
  topic        text not null,
  state        text not null default 'waiting' check (state in ('waiting', 'active', 'finished', 'dead')),
  tries        integer not null default 0,
  execution    bigint,                  -- nextval('work_execution') whenever a launcher sets the row active
  worker       text,
  pid          integer,
  stamp        text,
  active_since timestamptz,
  exited_with  integer,
  exited_at    timestamptz,
  note         text
);

-- 2. The view: every job that the table calls running, in the contract's columns, their order and types.
create or replace view reaper.running_job as
select
  w.id::text        as job_id,
  w.execution::text as run_key,
  w.execution::text as run_id,
  null::text        as task_id,
  w.topic           as agent,
  null::text        as repo,
  w.worker          as host,
  w.pid::bigint     as pid,
  w.stamp           as process_identity,
  w.tries           as attempts,
  3                 as max_attempts,
  -- A run may carry a ceiling of its own, in seconds.
  case when w.topic = 'import' then 6 * 3600 end::bigint as max_running_s,
  w.active_since    as started_at,
  w.exited_with     as exit_code,
  w.exited_at       as finished_at,
  null::text        as branch,
  null::text        as stage,
  null::text        as job_stage,
  null::text        as work_item
from public.work w
where w.state = 'active';

-- 3. The lock: the row first, then the run as it is now. In one joined statement Postgres would return what stood there
--    before it waited.
create or replace function reaper.lock_run(p_job_id text, p_run_key text) returns setof reaper.running_job
  language plpgsql
as $$
begin
  perform from public.work where id = p_job_id::bigint for no key update;
  return query select * from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key;
end
$$;

-- 4. The write that ends the run: our three words become yours. Guarded by job, run and "running"; false when nothing was
--    written.
create or replace function reaper.finish(p_job_id text, p_run_key text, p_status text, p_error text) returns boolean
  language plpgsql
  set search_path = public, pg_temp     -- what the triggers of public.work expect
as $$
begin
  if p_status = 'queued' then
    update public.work
       set state = 'waiting', execution = null, worker = null, pid = null, stamp = null, active_since = null,
           exited_with = null, exited_at = null, note = p_error
     where id = p_job_id::bigint and state = 'active' and execution::text = p_run_key;
  else
    update public.work
       set state = case p_status when 'done' then 'finished' else 'dead' end, note = p_error
     where id = p_job_id::bigint and state = 'active' and execution::text = p_run_key;
  end if;
  return found;
end
$$;
-- 5. For REAPER_MAX_CRASHES: which of these jobs are queued or running.
create or replace function reaper.open_jobs(p_job_ids text[]) returns table (job_id text, created_at timestamptz)
  language sql stable
as $$
  select id::text, null::timestamptz from public.work
   where id = any (array(select u::bigint from unnest(p_job_ids) u where u ~ '^[0-9]{1,18}$')) and state in ('waiting', 'active')
$$;

-- 6. No reaper.advance: this queue has no stages, so exit 0 is done.
