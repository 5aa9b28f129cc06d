-- Sweeps and launchers read running and queued rows only, however many finished ones there are.
create index concurrently if not exists jobs_running_idx on public.jobs (host, id) where status = 'running';
create index concurrently if not exists jobs_queued_idx on public.jobs (id) where status = 'queued';
