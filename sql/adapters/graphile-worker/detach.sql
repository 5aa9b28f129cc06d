drop index if exists :"schema".reaper_locked_idx;
