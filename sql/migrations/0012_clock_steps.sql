-- Steps of the database's clock. Ages and deadlines are told by it, so a step of minutes would end a grace or a hold at
-- once. Workers notice one by their own monotonic clock, which does not step, and put it on record before they judge.
create table reaper.clock_step (
  id       bigint generated always as identity primary key,
  noted_at timestamptz not null default reaper.now(),
  before   timestamptz not null,         -- what is dated up to here was dated before the step
  step_s   double precision not null     -- above 0: the clock was put forward
);

-- Seconds since a moment, as if the clock had never stepped; null for infinity. A moment that may lie on either side of a
-- step counts as the later one: what is taken for too young only waits.
create function reaper.age_s(p_since timestamptz, p_now timestamptz) returns double precision
  language sql stable
  as $$
    select case when isfinite(p_since) then
             extract(epoch from p_now - p_since)::double precision
               - coalesce((select sum(s.step_s) from reaper.clock_step s where p_since <= s.before), 0)
           end
  $$;

-- Puts a step on record, and moves the deadlines that were set before it. The caller read p_read and later p_found from the
-- clock, p_elapsed_s apart; p_known is the last step on record at its first reading. What others have noted since is theirs:
-- only the rest counts. Returns it in seconds, 0 for none.
create function reaper.note_clock_step(p_known bigint, p_read timestamptz, p_found timestamptz, p_elapsed_s double precision)
  returns double precision
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_noted  double precision;
  v_step   double precision;
  v_shift  interval;
  v_before timestamptz;
begin
  perform from reaper.control for update;
  select coalesce(sum(step_s), 0) into v_noted from reaper.clock_step where id > p_known;
  v_step := extract(epoch from p_found - p_read) - p_elapsed_s - v_noted;
  if abs(v_step) < 2 then
    return 0;
  end if;
  v_shift := make_interval(secs => v_step);
  -- After a step back, moments since the first reading occur twice.
  v_before := p_found - make_interval(secs => case when v_step > 0 then v_step else p_elapsed_s end);
  insert into reaper.clock_step (before, step_s) values (v_before, v_step);
  update reaper.hold set until = until + v_shift, created_at = created_at + v_shift where created_at <= v_before;
  update reaper.notification set due_at = due_at + v_shift where owed and at <= v_before;
  update reaper.host_probe p set missing_since = missing_since + v_shift
   where missing_since <= v_before
     and not exists (select from reaper.notification n where n.key = reaper.silent_host_key(p.host, p.missing_since));
  -- Once it is put back, the clock dates new runs before an older declaration, which does not speak of them.
  if v_step < 0 then
    update reaper.gone_host set declared_at = declared_at + v_shift;
    update reaper.host_probe set answered_at = answered_at + v_shift;
  end if;
  perform reaper.note_change('the worker', 'clock-step', jsonb_build_object('step_s', v_step));
  return v_step;
end
$$;
