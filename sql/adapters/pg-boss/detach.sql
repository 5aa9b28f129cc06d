-- By its function, too: the trigger may be on a table that was renamed or moved.
drop trigger if exists reaper_note on :"schema".job;
drop function if exists :"schema".reaper_note() cascade;
drop index if exists :"schema".reaper_active_idx;
