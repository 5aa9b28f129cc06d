drop trigger if exists reaper_note on :"schema".job;
drop function if exists :"schema".reaper_note();
