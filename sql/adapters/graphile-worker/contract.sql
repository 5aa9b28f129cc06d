-- Adapter for graphile-worker 0.17 and 0.18. Its rows name the pool that runs the job (locked_by), by a random id that never comes again:
-- each worker announces whose it is (docs/queues/graphile-worker.md). Nothing of ours is in the way of the queue's own statements.
--
-- Its tables have row-level security, so run this as their owner.
--
-- parameter schema = graphile_worker: the schema of graphile-worker's tables

create or replace view reaper.running_job as
select
  j.id::text               as job_id,
  -- A job that its worker gave back loses an attempt again, so that alone is no key.
  j.attempts || '-' || (extract(epoch from j.locked_at) * 1000000)::bigint as run_key,
  j.locked_by              as run_id,
  null::text               as task_id,
  t.identifier             as agent,
  q.queue_name             as repo,
  p.host                   as host,
  p.pid                    as pid,
  p.process_identity       as process_identity,
  j.attempts::integer      as attempts,
  j.max_attempts::integer  as max_attempts,
  null::bigint             as max_running_s,
  j.locked_at              as started_at,
  null::integer            as exit_code,
  null::timestamptz        as finished_at,
  null::text               as branch,
  null::text               as stage,
  null::text               as job_stage,
  null::text               as work_item
from :"schema"._private_jobs j
join :"schema"._private_tasks t on t.id = j.task_id
left join :"schema"._private_job_queues q on q.id = j.job_queue_id
-- As a subquery, so that Postgres asks once for each worker, not for each row.
left join lateral (select q.* from reaper.worker_process(j.locked_by) q offset 0) p on true
where j.locked_at is not null;

-- Jobs end themselves; nobody records exit codes.
create or replace function reaper.has_exit_codes() returns boolean
  language sql immutable
as $$ select false $$;

create or replace function reaper.lock_run(p_job_id text, p_run_key text) returns setof reaper.running_job
  language plpgsql
as $$
begin
  perform from :"schema"._private_jobs where id = p_job_id::bigint for no key update;
  return query select * from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key;
end
$$;

-- Those of these jobs that are queued or running.
create or replace function reaper.open_jobs(p_job_ids text[]) returns table (job_id text, created_at timestamptz)
  language sql stable
as $$
  select id::text, null::timestamptz from :"schema"._private_jobs
   where id = any (array(select u::bigint from unnest(p_job_ids) u where u ~ '^[0-9]{1,18}$')) and (locked_at is not null or attempts < max_attempts)
$$;

-- When graphile-worker itself runs a job again, dead or not.
create or replace function reaper.own_rescue() returns table (what text, after_s bigint, remedy text, of_agent text, of_job text)
  language sql immutable
as $$
  select 'graphile-worker, which unlocks jobs by their age', 14400::bigint,
         'raise minResetLockedInterval and maxResetLockedInterval of all workers above your longest job, so that they look more rarely',
         null::text, null::text
$$;

-- The rows of many runs at once. Those that somebody else has locked are skipped.
create or replace function reaper.lock_runs(p_job_ids text[]) returns setof text
  language sql
as $$
  select id::text from :"schema"._private_jobs where id = any (p_job_ids::bigint[]) for no key update skip locked
$$;

-- `queued` is what graphile-worker itself writes after 4 hours, `failed` what it calls permanently failed: no attempts are left.
create or replace function reaper.finish(p_job_id text, p_run_key text, p_status text, p_error text) returns boolean
  language plpgsql
  set search_path = public, pg_temp
as $$
declare
  v_job   :"schema"._private_jobs;
  v_count integer;
begin
  select j.* into v_job
    from :"schema"._private_jobs j
   where j.id = p_job_id::bigint and j.locked_at is not null
     and j.attempts || '-' || (extract(epoch from j.locked_at) * 1000000)::bigint = p_run_key
     and exists (select from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key)
     for no key update;
  if not found then
    return false;
  end if;
  if p_status = 'done' then
    delete from :"schema"._private_jobs where id = v_job.id;
  else
    update :"schema"._private_jobs
       set locked_at = null, locked_by = null, last_error = p_error, updated_at = reaper.now(),
           run_at = greatest(run_at, reaper.now()),
           attempts = case p_status when 'failed' then max_attempts else attempts end
     where id = v_job.id;
  end if;
  -- A named queue is locked by the pool that runs its job: it would stand still for 4 hours.
  update :"schema"._private_job_queues
     set locked_at = null, locked_by = null
   where id = v_job.job_queue_id and locked_by = v_job.locked_by;
  -- Wakes a worker, as add_job does, also for the next job of the named queue.
  perform pg_notify('jobs:insert', '{"r":' || random()::text || ',"count":1}');
  return true;
end
$$;
