-- One fair control lock. Claims and reclaims share the table lock; whatever must not overlap with them takes it alone. These are the
-- functions of released migrations that locked the row before.
alter table reaper.control set (autovacuum_enabled = false); -- A vacuum would be waited for. The table has one row.

-- Also where an update alone would wait for claims: its weaker lock, taken by two operators whose transactions then do more, is a deadlock.
create or replace function reaper.pause(p_reason text, p_by text) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  lock table reaper.control in share row exclusive mode;
  update reaper.control
     set paused = true, paused_by = p_by, paused_reason = p_reason, paused_at = reaper.now();
  perform reaper.note_change(p_by, 'pause', jsonb_build_object('reason', p_reason));
end
$$;

create or replace function reaper.resume(p_by text) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  lock table reaper.control in share row exclusive mode;
  update reaper.control set paused = false, paused_by = null, paused_reason = null, paused_at = null;
  perform reaper.note_change(p_by, 'resume', '{}');
end
$$;

create or replace function reaper.publish_policy(p_policy jsonb, p_by text) returns jsonb
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_old jsonb;
begin
  select policy into v_old from reaper.control;
  if v_old is not distinct from p_policy then -- as at most starts of a worker: nobody has to wait for that
    return v_old;
  end if;
  lock table reaper.control in share row exclusive mode;
  select policy into v_old from reaper.control;
  if v_old is distinct from p_policy then
    update reaper.control set policy = p_policy, policy_by = p_by, policy_at = reaper.now();
    perform reaper.note_change(p_by, 'policy', jsonb_build_object('old', v_old, 'new', p_policy));
  end if;
  return v_old;
end
$$;

create or replace function reaper.put_hold(p_kind text, p_value text, p_reason text, p_by text, p_seconds bigint)
  returns timestamptz
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_until timestamptz := reaper.now() + make_interval(secs => p_seconds);
begin
  lock table reaper.control in share row exclusive mode;
  insert into reaper.hold (kind, value, reason, by, until)
  values (p_kind, p_value, p_reason, p_by, v_until)
  on conflict (kind, value) do update
    set reason = excluded.reason, by = excluded.by, until = excluded.until, created_at = reaper.now();
  perform reaper.note_change(p_by, 'hold', jsonb_build_object('kind', p_kind, 'value', p_value, 'reason', p_reason,
                                                             'until', v_until));
  return v_until;
end
$$;

create or replace function reaper.release_hold(p_kind text, p_value text, p_by text) returns boolean
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  lock table reaper.control in share row exclusive mode;
  delete from reaper.hold where kind = p_kind and value = p_value;
  if not found then
    return false;
  end if;
  perform reaper.note_change(p_by, 'release', jsonb_build_object('kind', p_kind, 'value', p_value));
  return true;
end
$$;

create or replace function reaper.record_lease_reclaim(
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

  lock table reaper.control in share mode;
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
