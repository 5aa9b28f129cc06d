-- Adapter for River 0.24 to 0.51. Its rows name the client that runs the job (the last of attempted_by) by its Config.ID, which is the token
-- of the client's process (docs/queues/river.md). Nothing of ours is in the way of the queue's own statements, and River's own index on
-- state serves the sweeps.
--
-- parameter schema = public: the schema of River's tables

create or replace view reaper.running_job as
select
  j.id::text               as job_id,
  -- A job that was snoozed loses an attempt again, so that alone is no key.
  j.attempt || '-' || (extract(epoch from j.attempted_at) * 1000000)::bigint as run_key,
  c.id                     as run_id,
  null::text               as task_id,
  j.kind                   as agent,
  j.queue                  as repo,
  p.host                   as host,
  p.pid                    as pid,
  p.process_identity       as process_identity,
  j.attempt::integer       as attempts,
  j.max_attempts::integer  as max_attempts,
  null::bigint             as max_running_s,
  j.attempted_at           as started_at,
  null::integer            as exit_code,
  null::timestamptz        as finished_at,
  null::text               as branch,
  null::text               as stage,
  null::text               as job_stage,
  null::text               as work_item
from :"schema".river_job j
cross join lateral (select j.attempted_by[array_upper(j.attempted_by, 1)] as id) c
-- As a subquery, so that Postgres asks once for each worker, not for each row.
left join lateral (select q.* from reaper.worker_process(c.id) q offset 0) p on true
where j.state = 'running';

-- Jobs end themselves; nobody records exit codes.
create or replace function reaper.has_exit_codes() returns boolean
  language sql immutable
as $$ select false $$;

create or replace function reaper.lock_run(p_job_id text, p_run_key text) returns setof reaper.running_job
  language plpgsql
as $$
begin
  perform from :"schema".river_job where id = p_job_id::bigint for no key update;
  return query select * from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key;
end
$$;

-- Those of these jobs that are queued or running.
create or replace function reaper.open_jobs(p_job_ids text[]) returns table (job_id text, created_at timestamptz)
  language sql stable
as $$
  select id::text, null::timestamptz from :"schema".river_job
   where id = any (array(select u::bigint from unnest(p_job_ids) u where u ~ '^[0-9]{1,18}$')) and finalized_at is null
$$;

-- The rows of many runs at once. Those that somebody else has locked are skipped.
create or replace function reaper.lock_runs(p_job_ids text[]) returns setof text
  language sql
as $$
  select id::text from :"schema".river_job where id = any (p_job_ids::bigint[]) for no key update skip locked
$$;

-- What River's own rescue writes, but that the job need not wait: how long is decided by a policy in its clients' code, and a worker that
-- died is no fault of the job's. A job that was to be cancelled is not started again.
create or replace function reaper.finish(p_job_id text, p_run_key text, p_status text, p_error text) returns boolean
  language plpgsql
  set search_path = :"schema", pg_temp
as $$
declare
  v_now     timestamptz := reaper.now();
  v_channel text := :'schema' || '.river_insert';
  v_queue   text;
begin
  update :"schema".river_job j
     set state = cast(case when p_status = 'done' then 'completed'
                           when j.metadata ? 'cancel_attempted_at' then 'cancelled'
                           when p_status = 'queued' then 'available'
                           else 'discarded' end as :"schema".river_job_state),
         finalized_at = case when p_status = 'queued' and not j.metadata ? 'cancel_attempted_at' then null else v_now end,
         scheduled_at = case when p_status = 'queued' then v_now else j.scheduled_at end,
         errors = case when p_status = 'done' then j.errors
                       else array_append(j.errors, jsonb_build_object(
                         'at', to_char(v_now at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                         'attempt', j.attempt, 'error', p_error, 'trace', '')) end,
         metadata = case when p_status = 'done' then j.metadata
                         else j.metadata || jsonb_build_object('river:rescue_count',
                           case when jsonb_typeof(j.metadata -> 'river:rescue_count') = 'number'
                                then (j.metadata ->> 'river:rescue_count')::numeric else 0 end + 1) end
   where j.id = p_job_id::bigint and j.state = 'running'
     and j.attempt || '-' || (extract(epoch from j.attempted_at) * 1000000)::bigint = p_run_key
  returning j.queue into v_queue;
  if not found then
    return false;
  end if;
  -- Wakes a client, as an insert does.
  if octet_length(v_channel) < 64 then -- longer ones are refused
    perform pg_notify(v_channel, jsonb_build_object('queue', v_queue)::text);
  end if;
  return true;
end
$$;
