-- Notes the session that takes a job. It runs within the queue's own statements, so nothing in it may fail or wait: it has one exception
-- block around all of it, waits for no lock on our table, gives up for the rest of the transaction after a failure, and after 64 rows,
-- because each takes a subtransaction. It has the rights of a role that may write these notes and nothing else. It is in the queue's
-- schema, so that dropping ours does not lock the queue's table.
create or replace function :"schema".reaper_note() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '50ms'
as $$
declare
  v_name  text;
  v_noted integer;
begin
  v_name := current_setting('application_name');
  -- pg-boss names its sessions so. Behind a pooler, a session without a name has that of the one before.
  if left(v_name, 6) = 'pgboss' and tg_table_schema = :'schema' then
    v_noted := coalesce(nullif(current_setting('reaper.noted', true), ''), '0')::integer;
    if v_noted < 64 then
      perform set_config('reaper.noted', (v_noted + 1)::text, true);
      lock table reaper.run_process in row exclusive mode nowait;
      insert into reaper.run_process (job_id, run_key, name)
      values (new.name || '/' || new.id::text, new.retry_count || '-' || (extract(epoch from new.started_on) * 1000000)::bigint, v_name)
      on conflict do nothing;
    end if;
  end if;
  return null;
exception when others then
  perform set_config('reaper.noted', '64', true);
  return null;
end
$$;
-- Whoever creates a partition of the table needs this right, which default privileges may take away. A trigger's function cannot be called.
grant execute on function :"schema".reaper_note() to public;
grant create on schema :"schema" to reaper_note;
alter function :"schema".reaper_note() owner to reaper_note;
revoke create on schema :"schema" from reaper_note;

create or replace trigger reaper_note after update of state on :"schema".job
  for each row when (new.state = 'active' and old.state < 'active')
  execute function :"schema".reaper_note();
