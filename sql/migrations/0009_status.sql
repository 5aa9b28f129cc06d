-- What prune has removed, counted, so that no total ever goes backwards.
create table reaper.pruned (
  what     text not null check (what in ('claim', 'lease reclaim')),
  agent    text not null default '',
  outcome  text not null default '',
  tier     smallint not null default 0,
  first_id bigint not null,             -- the least id of all rows that were removed
  rows     bigint not null,
  primary key (what, agent, outcome, tier)
);

-- All claims ever, also those that are no longer in the ledger. An agent that is null counts as ''.
create view reaper.claim_total as
select agent, outcome, tier, min(first_id) as first_id, sum(claims)::bigint as claims
  from (select coalesce(agent, '') as agent, outcome, tier, min(id) as first_id, count(*) as claims
          from reaper.ledger group by 1, 2, 3
        union all
        select agent, outcome, tier, first_id, rows from reaper.pruned where what = 'claim') c
 group by agent, outcome, tier;

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
  (select coalesce(sum(claims), 0)::bigint from reaper.claim_total) as reaped_total,
  (select jsonb_build_object('job_id', l.job_id, 'agent', l.agent, 'outcome', l.outcome)
     from reaper.ledger l order by l.id desc limit 1) as last_reaped,
  (select count(*) from reaper.lease_reclaim)
    + (select coalesce(sum(rows), 0)::bigint from reaper.pruned where what = 'lease reclaim') as lease_reclaimed_total,
  (select count(*) from reaper.running_job) as running,
  coalesce((s.summary ->> 'watching')::integer, 0) as watching,
  coalesce(s.summary -> 'hostsWithoutProbe', '[]') as hosts_without_probe,
  coalesce(s.summary -> 'unwatchable', '[]') as unwatchable
from reaper.control c
left join reaper.last_sweep s on true;

comment on view reaper.status is 'What the worker would say of itself, for any monitor that can run SQL';
