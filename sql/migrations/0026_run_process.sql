-- Which session took each run, on queues whose rows name no worker.

-- The name of the session that took a run, noted by a trigger of the adapter. Logged: a long job may need it after a crash of the server.
-- Never altered, because the trigger writes here within the queue's own statements: a new form is a new table. The name is stored as it is
-- and resolved when it is read.
create table reaper.run_process (
  job_id   text not null,
  run_key  text not null,
  name     text not null,
  noted_at timestamptz not null default pg_catalog.clock_timestamp(), -- what the trigger's role may call
  primary key (job_id, run_key)
)
-- Emptying its end would take a lock that keeps the trigger from writing.
with (vacuum_truncate = false);

comment on table reaper.run_process is 'The name of the session that took each running job, on queues whose rows name no worker';

-- Removes the notes of runs that are over: at most so many, so that it never takes long, and never one that somebody else has locked.
-- Returns how many, 0 too if the view does not show the queue as it is. Not sooner than a minute after a note: the take that wrote it may
-- be older than its transaction.
create function reaper.prune_runs(p_limit integer default 10000) returns bigint
  language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
declare
  v_count bigint;
begin
  -- On most queues there are none: a sweep asks each time.
  if not exists (select from reaper.run_process) or exists (select from reaper.adapter_trouble()) then
    return 0;
  end if;
  with over as (
    select p.job_id, p.run_key
      from reaper.run_process p
     where p.noted_at < reaper.now() - interval '1 minute'
       and not exists (select from reaper.running_job r where r.job_id = p.job_id and r.run_key = p.run_key)
     limit least(p_limit, 10000)
       for update skip locked
  )
  delete from reaper.run_process p using over o where p.job_id = o.job_id and p.run_key = o.run_key;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
