-- Hosts whose worker has the lease folder, and when it last said so. A sweep asks for a reclaim only where somebody
-- would do it.
create table reaper.lease_worker (
  host    text primary key,
  seen_at timestamptz not null
);

create function reaper.announce_lease_worker(p_host text) returns void
  language sql security definer set search_path = pg_catalog, pg_temp
as $$
  insert into reaper.lease_worker (host, seen_at) values (p_host, reaper.now())
  on conflict (host) do update set seen_at = excluded.seen_at
$$;
