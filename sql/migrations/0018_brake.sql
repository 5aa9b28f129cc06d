-- The brake: some seconds after a claim for a dead pid (tier 1), or of a run over its ceiling that was not proven alive (tier 3), a
-- probe checks the process once more. If it finds the very stamp alive, the verdict was wrong: that is recorded here, people are
-- notified, and the reaper stops itself.
alter table reaper.ledger add column looked_back_at timestamptz;
-- No probe has a longer name, and an index has no room for any text.
create index ledger_host_idx on reaper.ledger (host, claimed_at) where length(host) <= 200;

-- Runs that were reaped although their process is alive. Never pruned: each one is a fault to investigate.
create table reaper.survivor (
  ledger_id     bigint primary key,
  job_id        text not null,
  run_key       text not null,
  host          text,
  reason        text not null,
  claimed_at    timestamptz not null,
  evidence_then jsonb not null,          -- what the claim rested on
  found_at      timestamptz not null default reaper.now(),
  evidence_now  text not null
);

-- Set while the brake is the reason for the dry run; an operator's activate or observe clears it.
alter table reaper.control add column braked_by bigint references reaper.survivor;

-- Late writes by monitors of reaped runs, which sql/extras/reject-late-finalize.sql rejects. Sequences, because they keep what a failed
-- transaction has counted.
create sequence reaper.late_write;
-- The claim that the last of them was about: its process is checked once more.
create sequence reaper.late_write_claim;

-- Counts a late write about this claim (null: none is known), even in a transaction that is about to fail.
create function reaper.note_late_write(p_ledger_id bigint) returns void
  language plpgsql
as $$
begin
  perform nextval('reaper.late_write');
  if p_ledger_id is not null then
    perform setval('reaper.late_write_claim', p_ledger_id);
  end if;
end
$$;

-- The claims that a living process would prove wrong. Not those that end a live run on purpose, with REAPER_BACKSTOP_ALIVE=reap, nor those
-- of runs whose recorded exit code tells that the agent has ended: what lives on is its wrapper, or a worker of a pool. As a WITH query
-- the view is not updatable.
create view reaper.refutable_claim as
with claims as (
  select * from reaper.ledger
)
select l.*
  from claims l
 where l.process_identity is not null
   and (l.tier = 1
        or l.tier = 3 and coalesce(l.evidence #>> '{liveness,proven}', 'false') <> 'true'
           and (l.exit_code is null or l.evidence ->> 'exitRecord' <> 'believed')
           and coalesce(l.evidence #>> '{policy,backstopAlive}', 'alert') <> 'reap');

-- What the probes of these hosts check once more. Claims more than a day old no longer matter.
create view reaper.look_back as
with late as (
  select last_value as id from reaper.late_write_claim where is_called
)
select l.id as ledger_id, l.host, l.pid, l.process_identity, l.claimed_at
  from reaper.refutable_claim l
 where l.claimed_at > (select reaper.now()) - interval '1 day'
   and length(l.host) <= 200
   and (l.looked_back_at is null or exists (select from late where late.id = l.id));

-- p_seen: claims whose process is gone, as it should be. p_survivors: [{"ledgerId": …, "evidence": "…"}], processes that are alive.
-- Only claims of runs on p_host count. Returns the jobs of new survivors.
create function reaper.note_look_back(p_host text, p_seen bigint[], p_survivors jsonb) returns text[]
  language plpgsql security definer set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_found reaper.survivor;
  v_jobs  text[] := '{}';
begin
  update reaper.ledger l set looked_back_at = reaper.now()
   where l.id = any (p_seen) and l.host = p_host and exists (select from reaper.refutable_claim r where r.id = l.id);
  if exists (select from reaper.late_write_claim where is_called and last_value = any (p_seen)) then
    perform setval('reaper.late_write_claim', 1, false);
  end if;

  for v_found in
    with alive as (
      select (s ->> 'ledgerId')::bigint as ledger_id, s ->> 'evidence' as evidence
        from jsonb_array_elements(p_survivors) s
    ), marked as (
      update reaper.ledger l set looked_back_at = reaper.now()
        from alive a
       where l.id = a.ledger_id and l.host = p_host and exists (select from reaper.refutable_claim r where r.id = l.id)
      returning l.*, a.evidence as evidence_now
    )
    insert into reaper.survivor (ledger_id, job_id, run_key, host, reason, claimed_at, evidence_then, evidence_now)
    select m.id, m.job_id, m.run_key, m.host, m.reason, m.claimed_at, m.evidence, m.evidence_now from marked m
    on conflict do nothing
    returning *
  loop
    v_jobs := v_jobs || v_found.job_id;
    insert into reaper.notification (key, kind, job_id, run_key, host, agent, repo, reason, text, due_at)
    select reaper.notification_key('survivor', l.job_id, l.run_key), 'survivor', l.job_id, l.run_key, l.host, l.agent, l.repo,
           format('%s: then "%s", now "%s"', l.reason, l.evidence #>> '{liveness,evidence}', v_found.evidence_now),
           format('🛑 reaper: job %s (%s, repo %s) was reaped %s (%s), but its process is alive. Then: %s. Now: %s. %s', l.job_id,
                  coalesce(l.agent, 'None'), coalesce(l.repo, 'None'),
                  case l.tier when 1 then 'as dead' else 'over its ceiling' end, l.reason, l.evidence #>> '{liveness,evidence}',
                  v_found.evidence_now,
                  case when reaper.published('brake', 'true')::boolean
                       then 'Nothing more is reaped until an operator runs job-reaper activate'
                       else 'Reaping continues, because REAPER_BRAKE=false' end),
           reaper.now()
      from reaper.ledger l where l.id = v_found.ledger_id
    on conflict (key) do nothing;
    if reaper.published('brake', 'true')::boolean then
      -- The same lock that every claim waits for: once this has committed, nothing more is claimed.
      lock table reaper.control in share row exclusive mode;
      update reaper.control set mode = 'observe', braked_by = v_found.ledger_id where mode = 'active';
      if found then
        perform reaper.note_change('the brake', 'mode', jsonb_build_object('mode', 'observe', 'job', v_found.job_id,
                                                                           'run', v_found.run_key));
      end if;
    end if;
  end loop;
  return v_jobs;
end
$$;

create or replace function reaper.set_mode(p_mode text, p_by text) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  lock table reaper.control in share row exclusive mode;
  update reaper.control set mode = p_mode, braked_by = null;
  perform reaper.note_change(p_by, 'mode', jsonb_build_object('mode', p_mode));
end
$$;
