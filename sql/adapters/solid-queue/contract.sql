-- Adapter for Solid Queue 1.0 to 1.5 on Postgres. A claimed job names its worker's row in solid_queue_processes, which a worker with the line
-- registers under a random id, with the token of its process in its metadata (docs/queues/solid-queue.md). Solid Queue's own ids come again
-- when their sequence starts over, and claims may outlive their worker's row: under such ids a token counts for nothing. Nothing of
-- ours is in the way of the queue's own statements, and its own indexes serve the sweeps.
--
-- parameter schema = public: the schema of Solid Queue's tables
-- parameter max_attempts = 3: how often a job may be started in all if its workers die, because Solid Queue does not count that

create or replace view reaper.running_job as
select
  c.job_id::text           as job_id,
  -- Its time, too: ids of claims and jobs may start over together.
  c.id || '-' || (extract(epoch from c.created_at) * 1000000)::bigint as run_key,
  w.name                   as run_id,
  null::text               as task_id,
  j.class_name::text       as agent,
  j.concurrency_key::text  as repo,
  p.host                   as host,
  p.pid                    as pid,
  p.process_identity       as process_identity,
  -- Nobody else counts runs that were lost; one that somebody retried after it had failed begins again. Active Job's own count, of runs
  -- that raised an error, is in the job's arguments.
  (select 1 + count(*)::integer from reaper.ledger l
    where l.job_id = c.job_id::text and l.claimed_at >= j.created_at at time zone 'UTC'
      and not exists (select from reaper.ledger f where f.job_id = l.job_id and f.outcome = 'failed' and f.id >= l.id)) as attempts,
  (:'max_attempts')::integer as max_attempts,
  null::bigint             as max_running_s,
  c.created_at at time zone 'UTC' as started_at,
  null::integer            as exit_code,
  null::timestamptz        as finished_at,
  null::text               as branch,
  null::text               as stage,
  null::text               as job_stage,
  null::text               as work_item
from :"schema".solid_queue_claimed_executions c
join :"schema".solid_queue_jobs j on j.id = c.job_id
left join lateral (
  select concat_ws('.', s.name, case when s.id >= 4611686018427387904 then substring(s.metadata from 'jr1\.[A-Za-z0-9_-]*') end) as name
    from :"schema".solid_queue_processes s
   where s.id = c.process_id
) w on true
-- As a subquery, so that Postgres asks once for each worker, not for each row.
left join lateral (select q.* from reaper.worker_process(w.name) q offset 0) p on true;

-- Jobs end themselves; nobody records exit codes.
create or replace function reaper.has_exit_codes() returns boolean
  language sql immutable
as $$ select false $$;

-- The claim's row, as Solid Queue's workers do before they end a job.
create or replace function reaper.lock_run(p_job_id text, p_run_key text) returns setof reaper.running_job
  language plpgsql
as $$
begin
  perform from :"schema".solid_queue_claimed_executions where job_id = p_job_id::bigint for no key update;
  return query select * from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key;
end
$$;

-- Those of these jobs that are queued or running, and when they were made: ids may start over.
create or replace function reaper.open_jobs(p_job_ids text[]) returns table (job_id text, created_at timestamptz)
  language sql stable
as $$
  select j.id::text, j.created_at at time zone 'UTC'
    from :"schema".solid_queue_jobs j
   where j.id = any (array(select u::bigint from unnest(p_job_ids) u where u ~ '^[0-9]{1,18}$'))
     and j.finished_at is null and not exists (select from :"schema".solid_queue_failed_executions f where f.job_id = j.id)
$$;

-- The rows of many runs at once. Those that somebody else has locked are skipped.
create or replace function reaper.lock_runs(p_job_ids text[]) returns setof text
  language sql
as $$
  select job_id::text from :"schema".solid_queue_claimed_executions
   where job_id = any (p_job_ids::bigint[]) for no key update skip locked
$$;

-- `queued` is what a worker that is shut down writes for a job that it cannot end, `failed` what a supervisor writes for one whose worker has
-- died. Nobody needs to be woken: workers look for ready jobs all the time.
create or replace function reaper.finish(p_job_id text, p_run_key text, p_status text, p_error text) returns boolean
  language plpgsql
  set search_path = :"schema", pg_temp
as $$
declare
  v_now     timestamp := reaper.now() at time zone 'UTC';
  v_claim   :"schema".solid_queue_claimed_executions;
  v_job     :"schema".solid_queue_jobs;
  v_blocked :"schema".solid_queue_blocked_executions;
begin
  delete from :"schema".solid_queue_claimed_executions c
   where c.job_id = p_job_id::bigint and c.id || '-' || (extract(epoch from c.created_at) * 1000000)::bigint = p_run_key
  returning c.* into v_claim;
  if not found then
    return false;
  end if;
  select j.* into v_job from :"schema".solid_queue_jobs j where j.id = v_claim.job_id;
  if p_status = 'queued' then
    -- It keeps its place in the semaphore, if it has one.
    insert into :"schema".solid_queue_ready_executions (job_id, queue_name, priority, created_at)
    values (v_job.id, v_job.queue_name, v_job.priority, v_now)
    on conflict do nothing;
    return true;
  end if;
  if p_status = 'failed' then
    insert into :"schema".solid_queue_failed_executions (job_id, error, created_at)
    values (v_job.id,
            json_build_object('exception_class', 'SolidQueue::Processes::ProcessExitError', 'message', p_error,
                              'backtrace', json_build_array())::text,
            v_now)
    on conflict (job_id) do update set error = excluded.error;
  else
    update :"schema".solid_queue_jobs set finished_at = v_now, updated_at = v_now where id = v_job.id;
  end if;
  -- Its place in the semaphore goes to the next job that waits for one. Solid Queue frees it and takes it again, which comes to the same but
  -- needs the limit, and that is in Ruby. A semaphore that is younger than the claim has replaced one that expired: it does not count
  -- this job.
  perform from :"schema".solid_queue_semaphores s
    where s.key = v_job.concurrency_key and s.created_at <= v_claim.created_at for no key update;
  if not found then
    return true;
  end if;
  delete from :"schema".solid_queue_blocked_executions b
   where b.id = (select n.id from :"schema".solid_queue_blocked_executions n
                  where n.concurrency_key = v_job.concurrency_key
                  order by n.priority, n.job_id limit 1 for update skip locked)
  returning b.* into v_blocked;
  if found then
    insert into :"schema".solid_queue_ready_executions (job_id, queue_name, priority, created_at)
    values (v_blocked.job_id, v_blocked.queue_name, v_blocked.priority, v_now);
    update :"schema".solid_queue_semaphores
       set expires_at = v_now + (v_blocked.expires_at - v_blocked.created_at), updated_at = v_now
     where key = v_job.concurrency_key;
  else
    -- One is within every limit. Where several may run, more places come back when the semaphore expires.
    update :"schema".solid_queue_semaphores set value = 1, updated_at = v_now
     where key = v_job.concurrency_key and value < 1;
  end if;
  return true;
end
$$;
