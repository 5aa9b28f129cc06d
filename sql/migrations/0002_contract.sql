-- The SQL contract. An adapter replaces these placeholders over the user's own tables; CREATE OR REPLACE VIEW makes
-- Postgres itself refuse an adapter whose columns differ.

-- The only clock that our SQL reads.
create function reaper.now() returns timestamptz
  language sql volatile
  as $$ select pg_catalog.clock_timestamp() $$;

create view reaper.running_job as
select
  null::text        as job_id,
  null::text        as run_key,          -- names one execution: set together with "running", immutable, never reused
  null::text        as run_id,
  null::text        as task_id,
  null::text        as agent,
  null::text        as repo,
  null::text        as host,
  null::bigint      as pid,
  null::text        as process_identity,
  null::integer     as attempts,
  null::integer     as max_attempts,
  null::bigint      as max_running_s,    -- the run's own ceiling in seconds, null for the policy's
  null::timestamptz as started_at,
  null::integer     as exit_code,
  null::timestamptz as finished_at,      -- when the exit code was recorded
  null::text        as branch,
  null::text        as stage,            -- the task's stage now
  null::text        as job_stage,        -- the stage this job was made for, where jobs record it
  null::text        as work_item
where false;

comment on view reaper.running_job is 'Every job that its table calls running: provided by the adapter';

create function reaper.lock_run(p_job_id text, p_run_key text) returns setof reaper.running_job
  language plpgsql
  as $$ begin raise exception 'no adapter is installed: run job-reaper migrate --adapter <name or file>'; end $$;

create function reaper.finish(p_job_id text, p_run_key text, p_status text, p_error text) returns boolean
  language plpgsql
  as $$ begin raise exception 'no adapter is installed: run job-reaper migrate --adapter <name or file>'; end $$;

-- advance has no placeholder: an adapter without it has no stages.
create function reaper.has_stages() returns boolean
  language sql stable
  as $$ select pg_catalog.to_regprocedure('reaper.advance(text, text, text, text, text)') is not null $$;
