-- By its function, too: the trigger may be on a table that was renamed or moved.
drop trigger if exists reaper_note on :"schema".procrastinate_workers;
drop function if exists :"schema".reaper_note() cascade;
do $$
begin
  revoke usage on schema :"schema" from reaper_note;
  revoke select (id, worker_id, status) on :"schema".procrastinate_jobs from reaper_note;
  revoke select (id, job_id, type, at) on :"schema".procrastinate_events from reaper_note;
exception when invalid_schema_name or undefined_table then
  null; -- the tables are gone, or have taken these rights elsewhere
end
$$;
