-- Takes the view of running jobs off the queue's tables. Its place is kept, so that nothing that reads it fails; reaper.adapter_trouble
-- says that it shows nothing.
create or replace view reaper.running_job as
select
  null::text        as job_id,
  null::text        as run_key,
  null::text        as run_id,
  null::text        as task_id,
  null::text        as agent,
  null::text        as repo,
  null::text        as host,
  null::bigint      as pid,
  null::text        as process_identity,
  null::integer     as attempts,
  null::integer     as max_attempts,
  null::bigint      as max_running_s,
  null::timestamptz as started_at,
  null::integer     as exit_code,
  null::timestamptz as finished_at,
  null::text        as branch,
  null::text        as stage,
  null::text        as job_stage,
  null::text        as work_item
where false;
