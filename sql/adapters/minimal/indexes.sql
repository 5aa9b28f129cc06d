-- Sweeps read running rows only, however many finished ones there are.
create index concurrently if not exists jobs_running_idx on public.jobs (host, id) where status = 'running';
