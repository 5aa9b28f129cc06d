-- Removes what is older than so many seconds from the audit trail, and counts it in reaper.pruned. Not granted to role
-- reaper: what writes the audit trail must not be able to erase it.
--
-- Stays, however old: a claim whose run is still called running or whose notification is owed; the newest claim, which
-- the status shows; an observation or a backstop alert of a run that goes on; the alert about a host that is still
-- silent; a hold that is in force.
create function reaper.prune(
  p_older_than_s            double precision,
  out claims                bigint,
  out observations          bigint,
  out notifications         bigint,
  out lease_reclaims        bigint,
  out control_changes       bigint,
  out holds                 bigint
)
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  -- A watch may still ask for a claim of an hour ago: how its run ended, and whether the win was its own.
  c_least_s constant double precision := 86400;
  v_before  timestamptz := reaper.now() - make_interval(secs => p_older_than_s);
begin
  if p_older_than_s is null or p_older_than_s < c_least_s then
    raise exception 'expected at least one day to be kept, got % s: prune what is older than that', p_older_than_s
      using errcode = 'invalid_parameter_value';
  end if;

  -- Notifications that belong to a claim go with it. One statement, so that what is counted is what was removed.
  with gone as (
    delete from reaper.ledger l
     where l.claimed_at < v_before
       and l.id < (select max(id) from reaper.ledger)
       and not exists (select from reaper.notification n where n.ledger_id = l.id and n.owed)
       and not exists (select from reaper.running_job r where r.job_id = l.job_id and r.run_key = l.run_key)
    returning l.id, coalesce(l.agent, '') as agent, l.outcome, l.tier
  ), counted as (
    insert into reaper.pruned as p (what, agent, outcome, tier, first_id, rows)
    select 'claim', agent, outcome, tier, min(id), count(*) from gone group by agent, outcome, tier
    on conflict (what, agent, outcome, tier) do update
      set rows = p.rows + excluded.rows, first_id = least(p.first_id, excluded.first_id)
  )
  select count(*) into claims from gone;

  delete from reaper.observation where became is not null and became_at < v_before and observed_at < v_before;
  get diagnostics observations = row_count;

  delete from reaper.notification n
   where n.ledger_id is null and not n.owed and n.settled_at < v_before
     and not exists (select from reaper.running_job r where r.job_id = n.job_id and r.run_key = n.run_key)
     and not exists (select from reaper.host_probe h where n.key = reaper.silent_host_key(h.host, h.missing_since));
  get diagnostics notifications = row_count;

  with gone as (
    delete from reaper.lease_reclaim where at < v_before returning id
  ), counted as (
    insert into reaper.pruned as p (what, first_id, rows)
    select 'lease reclaim', min(id), count(*) from gone having count(*) > 0
    on conflict (what, agent, outcome, tier) do update
      set rows = p.rows + excluded.rows, first_id = least(p.first_id, excluded.first_id)
  )
  select count(*) into lease_reclaims from gone;

  delete from reaper.control_change where at < v_before;
  get diagnostics control_changes = row_count;
  delete from reaper.hold where until < v_before;
  get diagnostics holds = row_count;
end
$$;
