drop trigger if exists reaper_note on :"schema".procrastinate_workers;
drop function if exists :"schema".reaper_note();
revoke select (id, worker_id, status) on :"schema".procrastinate_jobs from reaper_note;
revoke select (id, job_id, type, at) on :"schema".procrastinate_events from reaper_note;
