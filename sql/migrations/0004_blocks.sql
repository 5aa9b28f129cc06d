-- Which runs a claim may not touch now, and which ones a sweep need not look at.

create function reaper.published(p_name text, p_default text) returns text
  language sql stable
  as $$ select coalesce((select c.policy ->> p_name from reaper.control c), p_default) $$;

-- The hold that stands over a run, in words, or null.
create function reaper.hold_on(p_job_id text, p_agent text, p_repo text, p_host text) returns text
  language sql volatile
  as $$
    select pg_catalog.format('held: %s %s by %s until %s: %s', h.kind, h.value, h.by,
        pg_catalog.to_char(h.until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), h.reason)
      from reaper.hold h
     where h.until > (select reaper.now())
       and h.value = case h.kind when 'job' then p_job_id when 'agent' then p_agent
                                 when 'repo' then p_repo when 'host' then p_host end
     order by h.until desc
     limit 1
  $$;

-- Why nothing may be claimed for this run now, in words that begin with disabled, paused, held or observe; or null.
create function reaper.block_on(p_job_id text, p_agent text, p_repo text, p_host text) returns text
  language sql volatile
  as $$
    select case
        when not coalesce((c.policy ->> 'enabled')::boolean, true) then 'disabled by REAPER_ENABLED'
        when c.paused then pg_catalog.format('paused by %s: %s', c.paused_by, c.paused_reason)
        else coalesce(reaper.hold_on(p_job_id, p_agent, p_repo, p_host),
                      case when c.mode = 'observe' then 'observe: dry run, nothing is claimed' end)
      end
      from reaper.control c
  $$;

-- The runs worth examining: not held and, in the dry run, not yet reported with the facts they still show.
create view reaper.examinable_run as
select r.*
  from reaper.running_job r
 where r.job_id is not null
   and r.run_key is not null
   and pg_catalog.length(r.job_id) <= 200
   and pg_catalog.length(r.run_key) <= 200
   and not exists (
         select from reaper.hold h
          where h.until > (select reaper.now())
            and h.value = case h.kind when 'job' then r.job_id when 'agent' then r.agent
                                      when 'repo' then r.repo when 'host' then r.host end)
   and not exists (
         select from reaper.observation o
          where o.job_id = r.job_id and o.run_key = r.run_key
            and o.pid is not distinct from r.pid
            and o.process_identity is not distinct from r.process_identity
            and o.exit_code is not distinct from r.exit_code
            and (select c.mode from reaper.control c) = 'observe');

comment on view reaper.examinable_run is 'Running jobs without a hold and, in the dry run, without an observation';
