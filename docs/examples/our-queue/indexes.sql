-- Sweeps read the active rows only, however many others there are.
create index concurrently if not exists work_active_idx on public.work (worker, id) where state = 'active';
