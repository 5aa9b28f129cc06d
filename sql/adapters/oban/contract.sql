-- Adapter for Oban 2.17 to 2.23 on Postgres. Its rows name the node that runs the job (the first of attempted_by), whose name is the token of
-- its process (docs/queues/oban.md). Nothing of ours is in the way of the queue's own statements, and Oban's own index on state
-- serves the sweeps.
--
-- parameter schema = public: the schema of Oban's tables, its prefix

create or replace view reaper.running_job as
select
  j.id::text               as job_id,
  -- A job that was snoozed loses an attempt again, so that alone is no key.
  j.attempt || '-' || (extract(epoch from j.attempted_at) * 1000000)::bigint as run_key,
  j.attempted_by[1]        as run_id,
  null::text               as task_id,
  j.worker                 as agent,
  j.queue                  as repo,
  p.host                   as host,
  p.pid                    as pid,
  p.process_identity       as process_identity,
  j.attempt::integer       as attempts,
  j.max_attempts::integer  as max_attempts,
  null::bigint             as max_running_s,
  j.attempted_at at time zone 'UTC' as started_at,
  null::integer            as exit_code,
  null::timestamptz        as finished_at,
  null::text               as branch,
  null::text               as stage,
  null::text               as job_stage,
  null::text               as work_item
from :"schema".oban_jobs j
-- As a subquery, so that Postgres asks once for each worker, not for each row.
left join lateral (select q.* from reaper.worker_process(j.attempted_by[1]) q offset 0) p on true
where j.state = 'executing';

-- Jobs end themselves; nobody records exit codes.
create or replace function reaper.has_exit_codes() returns boolean
  language sql immutable
as $$ select false $$;

create or replace function reaper.lock_run(p_job_id text, p_run_key text) returns setof reaper.running_job
  language plpgsql
as $$
begin
  perform from :"schema".oban_jobs where id = p_job_id::bigint for no key update;
  return query select * from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key;
end
$$;

-- Those of these jobs that are queued or running.
create or replace function reaper.open_jobs(p_job_ids text[]) returns table (job_id text, created_at timestamptz)
  language sql stable
as $$
  select id::text, null::timestamptz from :"schema".oban_jobs
   where id = any (array(select u::bigint from unnest(p_job_ids) u where u ~ '^[0-9]{1,18}$')) and state not in ('completed', 'discarded', 'cancelled')
$$;

-- The rows of many runs at once. Those that somebody else has locked are skipped.
create or replace function reaper.lock_runs(p_job_ids text[]) returns setof text
  language sql
as $$
  select id::text from :"schema".oban_jobs where id = any (p_job_ids::bigint[]) for no key update skip locked
$$;

-- What Oban's Lifeline writes, and the error, which it does not write. Nobody needs to be woken: Oban looks for available jobs every second.
create or replace function reaper.finish(p_job_id text, p_run_key text, p_status text, p_error text) returns boolean
  language plpgsql
  set search_path = :"schema", pg_temp
as $$
declare
  v_now     timestamp := reaper.now() at time zone 'UTC';
  v_channel text := :'schema' || '.oban_insert';
  v_queue   text;
begin
  update :"schema".oban_jobs j
     set state = cast(case p_status when 'queued' then 'available' when 'done' then 'completed' else 'discarded' end
                      as :"schema".oban_job_state),
         completed_at = case p_status when 'done' then v_now else j.completed_at end,
         discarded_at = case p_status when 'failed' then v_now else j.discarded_at end,
         errors = case p_status when 'done' then j.errors
                       else array_append(j.errors, jsonb_build_object('attempt', j.attempt, 'error', p_error,
                         'at', to_char(v_now, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))) end
   where j.id = p_job_id::bigint and j.state = 'executing'
     and j.attempt || '-' || (extract(epoch from j.attempted_at) * 1000000)::bigint = p_run_key
  returning j.queue into v_queue;
  if not found then
    return false;
  end if;
  -- Wakes a node, as an insert does. Otherwise only the leader sees the job, and the dead node may have been the leader for 30 seconds more.
  if p_status = 'queued' and octet_length(v_channel) < 64 then -- longer ones are refused
    perform pg_notify(v_channel, jsonb_build_object('queue', v_queue)::text);
  end if;
  return true;
end
$$;
