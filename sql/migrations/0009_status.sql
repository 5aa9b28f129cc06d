create view reaper.status as
select
  coalesce((c.policy ->> 'enabled')::boolean, true) as enabled,
  c.mode,
  c.paused,
  c.paused_by,
  c.paused_reason,
  c.adapter,
  (c.policy ->> 'intervalS')::double precision as interval_s,
  extract(epoch from s.at)::double precision as last_run_ts,
  s.summary as last_sweep,
  (select count(*) from reaper.ledger) as reaped_total,
  (select jsonb_build_object('job_id', l.job_id, 'agent', l.agent, 'outcome', l.outcome)
     from reaper.ledger l order by l.id desc limit 1) as last_reaped,
  (select count(*) from reaper.lease_reclaim) as lease_reclaimed_total,
  (select count(*) from reaper.running_job) as running,
  coalesce((s.summary ->> 'watching')::integer, 0) as watching,
  coalesce(s.summary -> 'hostsWithoutProbe', '[]') as hosts_without_probe,
  coalesce(s.summary -> 'unwatchable', '[]') as unwatchable
from reaper.control c
left join reaper.last_sweep s on true;

comment on view reaper.status is 'What the worker would say of itself, for any monitor that can run SQL';
