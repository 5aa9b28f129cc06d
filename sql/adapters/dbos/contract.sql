-- Adapter for DBOS Transact 5.2 and 5.3 (TypeScript). Its rows name the process that runs the workflow by its executor id, which is the token
-- of that process (docs/queues/dbos.md). Nothing of ours is in the way of DBOS's own statements, and its own index on pending
-- workflows serves the sweeps.
--
-- parameter schema = dbos: the schema of DBOS's system tables
-- parameter max_attempts = 101: how often a workflow may start: its maxRecoveryAttempts, and once more

-- Since this column is there, each claim of a workflow has an owner_xid of its own. Before that it is no key.
select creator_xid from :"schema".workflow_status limit 0;

create or replace view reaper.running_job as
select
  w.workflow_uuid          as job_id,
  w.owner_xid              as run_key,
  w.executor_id            as run_id,
  null::text               as task_id,
  w.name                   as agent,
  w.queue_name             as repo,
  p.host                   as host,
  p.pid                    as pid,
  p.process_identity       as process_identity,
  w.recovery_attempts::integer as attempts,
  :'max_attempts'::integer as max_attempts,
  null::bigint             as max_running_s,
  -- A workflow that was started without a queue has no start of its own.
  to_timestamp(coalesce(w.started_at_epoch_ms, w.created_at) / 1000.0) as started_at,
  null::integer            as exit_code,
  null::timestamptz        as finished_at,
  null::text               as branch,
  null::text               as stage,
  null::text               as job_stage,
  null::text               as work_item
from :"schema".workflow_status w
-- As a subquery, so that Postgres asks once for each worker, not for each row.
left join lateral (select q.* from reaper.worker_process(w.executor_id) q offset 0) p on true
where w.status = 'PENDING';

-- Workflows end themselves; nobody records exit codes.
create or replace function reaper.has_exit_codes() returns boolean
  language sql immutable
as $$ select false $$;

create or replace function reaper.lock_run(p_job_id text, p_run_key text) returns setof reaper.running_job
  language plpgsql
as $$
begin
  perform from :"schema".workflow_status where workflow_uuid = p_job_id for no key update;
  return query select * from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key;
end
$$;

-- Those of these jobs that are queued or running, and when they were made: an application chooses their ids.
create or replace function reaper.open_jobs(p_job_ids text[]) returns table (job_id text, created_at timestamptz)
  language sql stable
as $$
  select workflow_uuid, to_timestamp(created_at / 1000.0)
    from :"schema".workflow_status
   where workflow_uuid = any (p_job_ids) and status in ('PENDING', 'ENQUEUED', 'DELAYED')
$$;

-- The rows of many runs at once. Those that somebody else has locked are skipped.
create or replace function reaper.lock_runs(p_job_ids text[]) returns setof text
  language sql
as $$
  select workflow_uuid from :"schema".workflow_status where workflow_uuid = any (p_job_ids) for no key update skip locked
$$;

-- `queued` is what DBOS's own recovery writes, `failed` what it writes of a workflow that has been recovered too often. Without its owner the
-- old run can record nothing more. There is no place for our error: it stands in the ledger.
create or replace function reaper.finish(p_job_id text, p_run_key text, p_status text, p_error text) returns boolean
  language plpgsql
  set search_path = :"schema", pg_temp
as $$
declare
  v_ms bigint := extract(epoch from reaper.now()) * 1000;
begin
  if p_status = 'queued' then
    update :"schema".workflow_status
       set status = 'ENQUEUED', queue_name = coalesce(queue_name, '_dbos_internal_queue'), owner_xid = null, started_at_epoch_ms = null,
           updated_at = v_ms
     where workflow_uuid = p_job_id and status = 'PENDING' and owner_xid = p_run_key;
  else
    update :"schema".workflow_status
       set status = case p_status when 'done' then 'SUCCESS' else 'MAX_RECOVERY_ATTEMPTS_EXCEEDED' end,
           queue_name = case p_status when 'done' then queue_name end,
           started_at_epoch_ms = case p_status when 'done' then started_at_epoch_ms end,
           owner_xid = null, deduplication_id = null, updated_at = v_ms, completed_at = v_ms
     where workflow_uuid = p_job_id and status = 'PENDING' and owner_xid = p_run_key;
  end if;
  return found;
end
$$;
