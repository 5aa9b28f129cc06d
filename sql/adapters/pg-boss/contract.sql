-- Adapter for pg-boss 10 and 12. Its rows name no worker, so a trigger (trigger.sql) notes the name of the session that takes a job, and
-- workers have their token in that name (docs/queues/pg-boss.md). What the queue's own statements meet of ours can neither fail nor stall
-- them.
--
-- parameter schema = pgboss: the schema of pg-boss's tables

create or replace view reaper.running_job as
select
  -- An id is unique in its queue only. Both are texts that an index can have.
  j.name || '/' || j.id::text    as job_id,
  -- A job that was restored is taken again with the same count.
  j.retry_count || '-' || (extract(epoch from j.started_on) * 1000000)::bigint as run_key,
  n.name                         as run_id,
  null::text                     as task_id,
  j.name                         as agent,
  j.singleton_key                as repo,
  p.host                         as host,
  p.pid                          as pid,
  p.process_identity             as process_identity,
  j.retry_count + 1              as attempts,
  j.retry_limit + 1              as max_attempts,
  null::bigint                   as max_running_s,
  j.started_on                   as started_at,
  null::integer                  as exit_code,
  null::timestamptz              as finished_at,
  null::text                     as branch,
  null::text                     as stage,
  null::text                     as job_stage,
  null::text                     as work_item
from :"schema".job j
left join reaper.run_process n
  on n.job_id = j.name || '/' || j.id::text
 and n.run_key = j.retry_count || '-' || (extract(epoch from j.started_on) * 1000000)::bigint
-- The token alone: the rest of a session's name comes again.
-- As a subquery, so that Postgres asks once for each worker, not for each row.
left join lateral (select q.* from reaper.worker_process(reaper.find_token(n.name)) q offset 0) p on true
where j.state = 'active'
  and j.name not like '\_\_pgboss\_\_%'; -- its own jobs are its own business

-- Jobs end themselves; nobody records exit codes.
create or replace function reaper.has_exit_codes() returns boolean
  language sql immutable
as $$ select false $$;

create or replace function reaper.lock_run(p_job_id text, p_run_key text) returns setof reaper.running_job
  language plpgsql
as $$
begin
  perform from :"schema".job where name = left(p_job_id, -37) and id = right(p_job_id, 36)::uuid for no key update;
  return query select * from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key;
end
$$;

-- Those of these jobs that are queued or running, and when they were made: an application may give an id again.
create or replace function reaper.open_jobs(p_job_ids text[]) returns table (job_id text, created_at timestamptz)
  language sql stable
as $$
  select u.job_id, j.created_on
    from unnest(p_job_ids) u(job_id)
    join :"schema".job j
      on j.name = left(u.job_id, -37)
     and j.id = case when right(u.job_id, 36) ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then right(u.job_id, 36)::uuid end
   where j.state < 'completed'
$$;

-- When pg-boss itself runs a job again, dead or not: the setting of each queue, and that of each active job. Version 10 has an interval there.
create or replace function reaper.own_rescue() returns table (what text, after_s bigint, remedy text, of_agent text, of_job text)
  language sql stable
as $$
  select 'pg-boss, by expireInSeconds of queue ' || s.name, s.after_s,
         'raise expireInSeconds (at most 24 hours) above the longest job of each queue, for jobs that are sent from then on', s.name, s.job_id
    from (
      select q.name, coalesce(q.expire_seconds, 900)::bigint as after_s, null::text as job_id
        from :"schema".queue q
      union all
      select j.name, coalesce(j.row ->> 'expire_seconds', extract(epoch from (j.row ->> 'expire_in')::interval)::text)::numeric::bigint,
             j.name || '/' || j.id::text
        from (select a.name, a.id, to_jsonb(a) - 'data' - 'output' as row from :"schema".job a where a.state = 'active') j
    ) s
   where s.name not like '\_\_pgboss\_\_%'
$$;

-- The rows of many runs at once. Those that somebody else has locked are skipped.
create or replace function reaper.lock_runs(p_job_ids text[]) returns setof text
  language sql
as $$
  select u.job_id
    from unnest(p_job_ids) u(job_id)
    join :"schema".job j on j.name = left(u.job_id, -37) and j.id = right(u.job_id, 36)::uuid
     for no key update of j skip locked
$$;

-- What pg-boss itself writes about a job that timed out, in place: it waits for its retry, or fails and goes to the dead-letter queue. It
-- fails too if its policy allows no other job of its key in that state.
create or replace function reaper.finish(p_job_id text, p_run_key text, p_status text, p_error text) returns text
  language plpgsql
  set search_path = public, pg_temp
as $$
declare
  v_job     :"schema".job;
  v_row     jsonb;
  v_queue   jsonb;
  v_wrote   text := p_status;
  v_output  jsonb := jsonb_build_object('value', jsonb_build_object('message', p_error));
  v_backoff double precision;
  v_start   timestamptz;
begin
  select j.* into v_job
    from :"schema".job j
   where j.name = left(p_job_id, -37) and j.id = right(p_job_id, 36)::uuid and j.state = 'active'
     and j.retry_count || '-' || (extract(epoch from j.started_on) * 1000000)::bigint = p_run_key
     and exists (select from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key)
     for no key update;
  if not found then
    return 'false';
  end if;
  v_row := to_jsonb(v_job); -- for columns that only some versions have
  if v_wrote = 'queued' then
    v_backoff := 2 ^ least(16, v_job.retry_count + 1) / 2 * (1 + random())
                 * case when v_row ? 'retry_delay_max' then greatest(v_job.retry_delay, 1) else v_job.retry_delay end;
    v_start := reaper.now() + make_interval(secs => case when v_job.retry_backoff then least((v_row ->> 'retry_delay_max')::double precision, v_backoff)
                                                         else v_job.retry_delay end);
    begin
      update :"schema".job set state = 'retry', output = v_output, start_after = v_start where name = v_job.name and id = v_job.id;
    exception when unique_violation then
      v_wrote := 'failed';
    end;
  end if;
  if v_wrote <> 'queued' then
    update :"schema".job
       set state = cast(case v_wrote when 'done' then 'completed' else 'failed' end as :"schema".job_state),
           output = v_output, completed_on = reaper.now()
     where name = v_job.name and id = v_job.id;
  end if;
  if v_wrote = 'failed' then
    perform reaper.pgboss_dead_letter(v_row, v_output);
  end if;
  select to_jsonb(q) into v_queue from :"schema".queue q where q.name = v_job.name;
  if v_wrote = 'queued' and (v_queue ->> 'notify')::boolean and v_start <= reaper.now() then
    -- Its workers poll rarely, and wait for this instead.
    perform pg_notify('pgboss_' || left(encode(sha224(convert_to(case when :'schema' ~ '^[a-z_][a-z0-9_]*$' then :'schema' else '"' || :'schema' || '"' end, 'UTF8')), 'hex'), 24), v_job.name);
  end if;
  return v_wrote;
end
$$;

-- Puts the copy of a failed job into its dead-letter queue, as this version of pg-boss does.
create or replace function reaper.pgboss_dead_letter(p_job jsonb, p_output jsonb) returns void
  language plpgsql
  set search_path = public, pg_temp
as $$
declare
  v_now     timestamptz := reaper.now();
  v_queue   jsonb;
  v_copy    jsonb;
  v_columns text;
begin
  select to_jsonb(q) into v_queue from :"schema".queue q where q.name = p_job ->> 'dead_letter' and q.name <> p_job ->> 'name';
  if v_queue is null then
    return;
  end if;
  v_copy := jsonb_build_object('name', v_queue -> 'name', 'data', p_job -> 'data');
  if v_queue ? 'retention_seconds' then
    v_copy := v_copy || jsonb_build_object(
      'priority', p_job -> 'priority',
      'retry_limit', v_queue -> 'retry_limit', 'retry_backoff', v_queue -> 'retry_backoff', 'retry_delay', v_queue -> 'retry_delay',
      'start_after', v_now, 'created_on', v_now,
      'keep_until', v_now + make_interval(secs => (v_queue ->> 'retention_seconds')::integer),
      'deletion_seconds', v_queue -> 'deletion_seconds', 'expire_seconds', v_queue -> 'expire_seconds',
      'singleton_key', p_job -> 'singleton_key', 'group_id', p_job -> 'group_id', 'group_tier', p_job -> 'group_tier',
      'heartbeat_seconds', v_queue -> 'heartbeat_seconds',
      'source_name', p_job -> 'name', 'source_id', p_job -> 'id', 'source_created_on', p_job -> 'created_on',
      'source_retry_count', p_job -> 'retry_count', 'source_output', p_output,
      'source_root_id', coalesce(p_job ->> 'source_root_id', p_job ->> 'id'), 'trace_context', p_job -> 'trace_context');
  else
    v_copy := v_copy || jsonb_build_object(
      'output', p_output, 'retry_limit', p_job -> 'retry_limit',
      'keep_until', (p_job ->> 'keep_until')::timestamptz
                      + ((p_job ->> 'keep_until')::timestamptz - (p_job ->> 'start_after')::timestamptz));
  end if;
  select string_agg(quote_ident(k), ', ') into v_columns from jsonb_object_keys(v_copy) k where p_job ? k;
  execute format('insert into %1$I.job (%2$s) select %2$s from jsonb_populate_record(null::%1$I.job, $1)', :'schema', v_columns) using v_copy;
end
$$;
