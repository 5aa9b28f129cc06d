-- Keeps whose the running jobs of a worker are that is removed: Procrastinate removes those whose heartbeat is old when another one starts,
-- and their jobs' rows name nobody from then on. It runs within that statement, so nothing in it may fail or wait: it has one exception
-- block around all of it, waits for no lock on our table, and gives up for the rest of the transaction after a failure. It has the
-- rights of a role that may write these notes and read which worker runs which job, and nothing else. It is in the queue's schema, so
-- that dropping ours does not lock the queue's table.
create or replace function :"schema".reaper_note() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '50ms'
as $$
begin
  if current_setting('reaper.noted', true) is distinct from 'failed' then
    lock table reaper.run_process in row exclusive mode nowait;
    insert into reaper.run_process (job_id, run_key, name)
    select distinct on (j.id) j.id::text, e.id || '-' || (extract(epoch from e.at) * 1000000)::bigint, old.id::text
      from :"schema".procrastinate_jobs j
      join :"schema".procrastinate_events e on e.job_id = j.id and e.type = 'started'
     where j.worker_id = old.id and j.status = 'doing'
     order by j.id, e.id desc
    on conflict do nothing;
  end if;
  return old;
exception when others then
  perform set_config('reaper.noted', 'failed', true);
  return old;
end
$$;
grant usage on schema :"schema" to reaper_note;
grant select (id, worker_id, status) on :"schema".procrastinate_jobs to reaper_note;
grant select (id, job_id, type, at) on :"schema".procrastinate_events to reaper_note;
grant create on schema :"schema" to reaper_note;
alter function :"schema".reaper_note() owner to reaper_note;
revoke create on schema :"schema" from reaper_note;

create or replace trigger reaper_note before delete on :"schema".procrastinate_workers
  for each row
  execute function :"schema".reaper_note();
