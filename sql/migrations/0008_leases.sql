-- Every merge lease that was reclaimed, once, with its evidence. What an unreadable lease file could not say is null.
create table reaper.lease_reclaim (
  id          bigint generated always as identity primary key,
  at          timestamptz not null default reaper.now(),
  key         text not null unique,      -- names one holding, however often renewed
  repo        text not null,
  token       text,
  pid         bigint,                    -- the holder's, on its host
  host        text,
  identity    text,
  acquired_at timestamptz,
  ttl_s       double precision,
  reason      text not null,
  evidence    jsonb not null,
  by          text not null              -- the host that reclaimed it
);

-- Why no lease of this repo and this holder's host may be reclaimed now, in words that begin with paused, held or
-- observe; or null. REAPER_ENABLED does not count: leases have a switch of their own.
create function reaper.lease_block_on(p_repo text, p_host text) returns text
  language sql volatile
  as $$
    select case
        when c.paused then pg_catalog.format('paused by %s: %s', c.paused_by, c.paused_reason)
        else coalesce(reaper.hold_on(null, null, p_repo, p_host),
                      case when c.mode = 'observe' then 'observe: dry run, nothing is reclaimed' end)
      end
      from reaper.control c
  $$;

-- Puts a reclaim on record before the lease is removed.
--
-- result   recorded  by this very call
--          known     by an earlier one: what is left of the lease is to be removed
--          blocked   paused, held or in the dry run: the lease stays
create function reaper.record_lease_reclaim(
  p_key         text,
  p_repo        text,
  p_token       text,
  p_pid         bigint,
  p_host        text,
  p_identity    text,
  p_acquired_at timestamptz,
  p_ttl_s       double precision,
  p_reason      text,
  p_evidence    jsonb,
  p_by          text,
  out result    text,
  out detail    text
)
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '8s'
as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'expected isolation level "read committed" for reaper.record_lease_reclaim, got "%": it must see the pause that it waited for', current_setting('transaction_isolation')
      using errcode = 'active_sql_transaction';
  end if;

  perform from reaper.control for share;
  detail := reaper.lease_block_on(p_repo, p_host);
  if detail is not null then
    result := 'blocked';
    return;
  end if;

  insert into reaper.lease_reclaim (key, repo, token, pid, host, identity, acquired_at, ttl_s, reason, evidence, by)
  values (p_key, p_repo, p_token, p_pid, p_host, p_identity, p_acquired_at, p_ttl_s, p_reason, p_evidence, p_by)
  on conflict (key) do nothing;
  result := case when found then 'recorded' else 'known' end;
end
$$;

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
