-- Sweeps and claims read active rows only, however many are kept.
create index concurrently if not exists reaper_active_idx on :"schema".job ((name || '/' || id::text)) where state = 'active';
