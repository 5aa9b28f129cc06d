-- Adapter for Procrastinate 3.10; its schema is that of 3.4. Its rows name the worker that runs the job (worker_id): each worker with the line
-- registers under a random number and announces whose it is (docs/queues/procrastinate.md), because Procrastinate's own numbers come again
-- when its sequence starts over. A worker that starts removes those whose heartbeat is old, and with that their rows name nobody: a trigger
-- on the table of workers (trigger.sql) keeps the name. It can neither fail nor stall that statement. Its own index on running jobs' locks
-- serves the sweeps.
--
-- parameter schema = public: the schema of Procrastinate's tables
-- parameter max_attempts = 25: how often a job may be tried in all, because Procrastinate's rows have no limit

create or replace view reaper.running_job as
select
  j.id::text               as job_id,
  e.run_key                as run_key,
  coalesce(j.worker_id::text, n.name) as run_id,
  null::text               as task_id,
  j.task_name::text        as agent,
  j.lock                   as repo,
  p.host                   as host,
  p.pid                    as pid,
  p.process_identity       as process_identity,
  j.attempts + 1           as attempts, -- it counts an attempt when it ends
  (:'max_attempts')::integer as max_attempts,
  null::bigint             as max_running_s,
  e.at                     as started_at,
  null::integer            as exit_code,
  null::timestamptz        as finished_at,
  null::text               as branch,
  null::text               as stage,
  null::text               as job_stage,
  null::text               as work_item
from :"schema".procrastinate_jobs j
left join lateral (
  -- One event an execution, written by Procrastinate's own trigger. Its time, too: ids of jobs and events may start over together.
  select s.id || '-' || (extract(epoch from s.at) * 1000000)::bigint as run_key, s.at
    from :"schema".procrastinate_events s
   where s.job_id = j.id and s.type = 'started'
   order by s.id desc
   limit 1
) e on true
left join reaper.run_process n on n.job_id = j.id::text and n.run_key = e.run_key
-- As a subquery, so that Postgres asks once for each worker, not for each row.
left join lateral (select q.* from reaper.worker_process(coalesce(j.worker_id::text, n.name)) q offset 0) p on true
where j.status = 'doing';

-- Jobs end themselves; nobody records exit codes.
create or replace function reaper.has_exit_codes() returns boolean
  language sql immutable
as $$ select false $$;

create or replace function reaper.lock_run(p_job_id text, p_run_key text) returns setof reaper.running_job
  language plpgsql
as $$
begin
  perform from :"schema".procrastinate_jobs where id = p_job_id::bigint for no key update;
  return query select * from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key;
end
$$;

-- Those of these jobs that are queued or running, and when they were made: ids may start over when tables are emptied.
create or replace function reaper.open_jobs(p_job_ids text[]) returns table (job_id text, created_at timestamptz)
  language sql stable
as $$
  select j.id::text, (select min(e.at) from :"schema".procrastinate_events e where e.job_id = j.id)
    from :"schema".procrastinate_jobs j
   where j.id = any (array(select u::bigint from unnest(p_job_ids) u where u ~ '^[0-9]{1,18}$')) and j.status in ('todo', 'doing')
$$;

-- The rows of many runs at once. Those that somebody else has locked are skipped.
create or replace function reaper.lock_runs(p_job_ids text[]) returns setof text
  language sql
as $$
  select id::text from :"schema".procrastinate_jobs where id = any (p_job_ids::bigint[]) for no key update skip locked
$$;

-- What Procrastinate itself writes, by its own functions, which name no schema. A job that was to be aborted is, and one whose queueing
-- lock another waiting job has by now fails, because it may not wait beside that one.
create or replace function reaper.finish(p_job_id text, p_run_key text, p_status text, p_error text) returns text
  language plpgsql
  set search_path = :"schema", pg_temp
as $$
declare
  v_job   :"schema".procrastinate_jobs;
  v_wrote text := p_status;
  v_note  text;
begin
  select j.* into v_job from :"schema".procrastinate_jobs j where j.id = p_job_id::bigint for no key update;
  -- In a statement of its own, so that it sees what was written while the row's lock was waited for.
  if v_job.status is distinct from 'doing'
     or not exists (select from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key) then
    return 'false';
  end if;
  if v_wrote = 'queued' and v_job.abort_requested then
    v_wrote := 'failed';
  end if;
  if v_wrote = 'queued' then
    begin
      perform :"schema".procrastinate_retry_job_v2(v_job.id, reaper.now(), null, null, null);
    exception when unique_violation then
      v_wrote := 'failed';
    end;
  end if;
  if v_wrote <> 'queued' then
    perform :"schema".procrastinate_finish_job_v1(
      v_job.id,
      cast(case when v_wrote = 'done' then 'succeeded' when v_job.abort_requested then 'aborted' else 'failed' end
           as :"schema".procrastinate_job_status),
      false);
  end if;
  -- Wakes a worker, as its own trigger does for a new job, also for the next job of the same lock.
  v_note := json_build_object('type', 'job_inserted', 'job_id', v_job.id)::text;
  perform pg_notify('procrastinate_queue_v1#' || v_job.queue_name, v_note);
  perform pg_notify('procrastinate_any_queue_v1', v_note);
  return v_wrote;
end
$$;
