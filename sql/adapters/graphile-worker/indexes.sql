-- Sweeps read locked rows only, however many wait.
create index concurrently if not exists reaper_locked_idx on :"schema"._private_jobs (id) where locked_at is not null;
