-- What operators may do. Each function locks the control row first, so that it has an order with every claim: once it
-- has returned, no claim that disagrees can commit.

create function reaper.note_change(p_by text, p_action text, p_detail jsonb) returns void
  language sql
  as $$ insert into reaper.control_change (by, action, detail) values (p_by, p_action, p_detail) $$;

create function reaper.pause(p_reason text, p_by text) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update reaper.control
     set paused = true, paused_by = p_by, paused_reason = p_reason, paused_at = reaper.now();
  perform reaper.note_change(p_by, 'pause', jsonb_build_object('reason', p_reason));
end
$$;

create function reaper.resume(p_by text) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update reaper.control set paused = false, paused_by = null, paused_reason = null, paused_at = null;
  perform reaper.note_change(p_by, 'resume', '{}');
end
$$;

create function reaper.set_mode(p_mode text, p_by text) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update reaper.control set mode = p_mode;
  perform reaper.note_change(p_by, 'mode', jsonb_build_object('mode', p_mode));
end
$$;

-- The policy that scans, observations and claims go by. Returns the one before it.
create function reaper.publish_policy(p_policy jsonb, p_by text) returns jsonb
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_old jsonb;
begin
  select policy into v_old from reaper.control for update;
  if v_old is distinct from p_policy then
    update reaper.control set policy = p_policy, policy_by = p_by, policy_at = reaper.now();
    perform reaper.note_change(p_by, 'policy', jsonb_build_object('old', v_old, 'new', p_policy));
  end if;
  return v_old;
end
$$;

create function reaper.put_hold(p_kind text, p_value text, p_reason text, p_by text, p_seconds bigint)
  returns timestamptz
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_until timestamptz := reaper.now() + make_interval(secs => p_seconds);
begin
  perform from reaper.control for update;
  insert into reaper.hold (kind, value, reason, by, until)
  values (p_kind, p_value, p_reason, p_by, v_until)
  on conflict (kind, value) do update
    set reason = excluded.reason, by = excluded.by, until = excluded.until, created_at = reaper.now();
  perform reaper.note_change(p_by, 'hold', jsonb_build_object('kind', p_kind, 'value', p_value, 'reason', p_reason,
                                                             'until', v_until));
  return v_until;
end
$$;

-- False where there was no such hold.
create function reaper.release_hold(p_kind text, p_value text, p_by text) returns boolean
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform from reaper.control for update;
  delete from reaper.hold where kind = p_kind and value = p_value;
  if not found then
    return false;
  end if;
  perform reaper.note_change(p_by, 'release', jsonb_build_object('kind', p_kind, 'value', p_value));
  return true;
end
$$;

-- Declares every run that started on a host before now dead. Refused while a probe there answers: one that answered
-- within three intervals still counts.
create function reaper.declare_host_gone(p_host text, p_by text) returns timestamptz
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_now      timestamptz := reaper.now();
  v_answered timestamptz;
  v_window   interval := make_interval(secs => 3 * greatest(reaper.published('intervalS', '15')::double precision, 5));
begin
  perform from reaper.control for update;
  select answered_at into v_answered from reaper.host_probe where host = p_host;
  if v_answered > v_now - v_window then
    raise exception 'expected host "%" to be gone, got an answer of its probe % s ago: stop the probe there first, or hold its jobs',
        p_host, floor(extract(epoch from v_now - v_answered))
      using errcode = 'RP002';
  end if;
  insert into reaper.gone_host (host, declared_at, by) values (p_host, v_now, p_by)
  on conflict (host) do update set declared_at = excluded.declared_at, by = excluded.by;
  perform reaper.note_change(p_by, 'host-gone', jsonb_build_object('host', p_host));
  return v_now;
end
$$;
