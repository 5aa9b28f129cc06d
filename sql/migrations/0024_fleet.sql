-- What must not grow with the ledger, with the number of messages or with the number of runs.

-- Alerts by run. Scans ask for them for every run over its ceiling.
create index notification_alert_idx on reaper.notification (job_id, run_key) where kind in ('backstop alive', 'backstop unknown');

-- Up to which id the rows of reaper.ledger and reaper.lease_reclaim are counted in reaper.pruned. Whoever changes either has locked the row
-- here first.
create table reaper.counted (
  what       text primary key check (what in ('claim', 'lease reclaim')),
  through_id bigint not null default 0
);
insert into reaper.counted (what) values ('claim'), ('lease reclaim');

alter table reaper.pruned drop constraint pruned_what_check,
  add constraint pruned_what_check check (what in ('claim', 'lease reclaim', 'crash budget'));

-- Deaths over the crash budget (REAPER_MAX_CRASHES) that ended as the budget says: they are counted separately, and are few.
create index ledger_crash_budget_idx on reaper.ledger (id) where evidence #>> '{crashBudget,outcome}' = outcome;

comment on table reaper.pruned is
  'Claims and lease reclaims that are counted for good, so that no total ever goes backwards, or takes longer the more there are';

-- The names of agents are cut, here and where they are counted for good: a row may name anything, and an index has no room for any text.
create or replace view reaper.claim_total as
select agent, outcome, tier, min(first_id) as first_id, sum(claims)::bigint as claims
  from (select left(coalesce(agent, ''), 200) as agent, outcome, tier, min(id) as first_id, count(*) as claims
          from reaper.ledger
         where id > coalesce((select c.through_id from reaper.counted c where c.what = 'claim'), 0)
         group by 1, 2, 3
        union all
        select agent, outcome, tier, first_id, rows from reaper.pruned where what = 'claim') c
 group by agent, outcome, tier;

-- Part of a sweep. Counts for good what has been written since, once that is much: a part at a time, because a ledger that is older than
-- this function can be too long for one sweep. Ids are given out before their rows are committed, so it does nothing while a transaction
-- that may yet commit an older one is open; it waits for nobody.
create function reaper.count_for_good(p_least bigint default 10000) returns void
  language plpgsql
as $$
declare
  c_most    constant bigint := 100000;
  v_what    text;
  v_table   regclass;
  v_through bigint;
  v_last    bigint;
begin
  foreach v_what in array array['claim', 'lease reclaim'] loop
    v_table := case v_what when 'claim' then 'reaper.ledger' else 'reaper.lease_reclaim' end;
    select c.through_id into v_through from reaper.counted c where c.what = v_what for update skip locked;
    continue when not found;
    execute format('select max(id) from %s', v_table) into v_last;
    continue when v_last is null or v_last - v_through < p_least;
    -- After the last id was read and before the rows are counted, so whoever has a smaller one either shows here or has ended.
    continue when exists (select from pg_locks l
                           where l.locktype = 'relation' and l.relation = v_table
                             and l.database = (select d.oid from pg_database d where d.datname = current_database())
                             and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'));
    v_last := least(v_last, v_through + c_most);
    if v_what = 'claim' then
      insert into reaper.pruned as p (what, agent, outcome, tier, first_id, rows)
      select 'claim', left(coalesce(l.agent, ''), 200), l.outcome, l.tier, min(l.id), count(*)
        from reaper.ledger l where l.id > v_through and l.id <= v_last
       group by left(coalesce(l.agent, ''), 200), l.outcome, l.tier
      on conflict (what, agent, outcome, tier) do update
        set rows = p.rows + excluded.rows, first_id = least(p.first_id, excluded.first_id);
      insert into reaper.pruned as p (what, outcome, first_id, rows)
      select 'crash budget', l.outcome, min(l.id), count(*)
        from reaper.ledger l
       where l.id > v_through and l.id <= v_last and l.evidence #>> '{crashBudget,outcome}' = l.outcome
       group by l.outcome
      on conflict (what, agent, outcome, tier) do update
        set rows = p.rows + excluded.rows, first_id = least(p.first_id, excluded.first_id);
    else
      insert into reaper.pruned as p (what, first_id, rows)
      select 'lease reclaim', min(l.id), count(*)
        from reaper.lease_reclaim l where l.id > v_through and l.id <= v_last having count(*) > 0
      on conflict (what, agent, outcome, tier) do update
        set rows = p.rows + excluded.rows, first_id = least(p.first_id, excluded.first_id);
    end if;
    update reaper.counted c set through_id = v_last where c.what = v_what;
  end loop;
end
$$;

-- As before, except that what is counted for good already is not counted again, and that what a crash budget counts stays.
create or replace function reaper.prune(
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
  v_claims   bigint;
  v_reclaims bigint;
  v_crashes  bigint[];
begin
  if p_older_than_s is null or p_older_than_s < c_least_s then
    raise exception 'expected at least one day to be kept, got % s: prune what is older than that', p_older_than_s
      using errcode = 'invalid_parameter_value';
  end if;

  -- Both in this order, like reaper.count_for_good.
  select c.through_id into v_claims from reaper.counted c where c.what = 'claim' for update;
  select c.through_id into v_reclaims from reaper.counted c where c.what = 'lease reclaim' for update;

  v_crashes := array(select reaper.counted_crashes(v_before));

  -- Notifications that belong to a claim go with it. One statement, so that what is counted is what was removed.
  with gone as (
    delete from reaper.ledger l
     where l.claimed_at < v_before
       and l.id < (select max(id) from reaper.ledger)
       and not exists (select from reaper.notification n where n.ledger_id = l.id and n.owed)
       and not exists (select from reaper.running_job r where r.job_id = l.job_id and r.run_key = l.run_key)
       and (l.id in (select unnest(v_crashes))) is not true -- hashed, as an array is not always
    returning l.id, left(coalesce(l.agent, ''), 200) as agent, l.outcome, l.tier, l.evidence #>> '{crashBudget,outcome}' = l.outcome as is_over_budget
  ), counted as (
    insert into reaper.pruned as p (what, agent, outcome, tier, first_id, rows)
    select 'claim', agent, outcome, tier, min(id), count(*) from gone where id > coalesce(v_claims, 0) group by agent, outcome, tier
    union all
    select 'crash budget', '', outcome, 0, min(id), count(*) from gone where id > coalesce(v_claims, 0) and is_over_budget group by outcome
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
    select 'lease reclaim', min(id), count(*) from gone where id > coalesce(v_reclaims, 0) having count(*) > 0
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

-- Operators' requests that the worker has written: each once, even if the answer was lost and it writes them again.
create table reaper.written_request (
  key text primary key,
  at  timestamptz not null default reaper.now()
);
create index written_request_at_idx on reaper.written_request (at);

-- False if this request has been written before. Part of the transaction that writes it. Temporal tries for ten minutes, so what is a day
-- old is forgotten.
create function reaper.note_request(p_key text) returns boolean
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if p_key is null or length(p_key) > 200 then
    raise exception 'expected a key of at most 200 characters, got %', quote_nullable(left(p_key, 200)) using errcode = 'invalid_parameter_value';
  end if;
  delete from reaper.written_request
   where key = any (array(select w.key from reaper.written_request w
                           where w.at < reaper.now() - interval '1 day' order by w.at limit 10 for update skip locked));
  insert into reaper.written_request (key) values (p_key) on conflict (key) do nothing;
  return found;
end
$$;

-- Many messages of one kind become one, a digest. It is a message of its own, sent like the others; those in it are settled by it, in the
-- same transaction and before it is sent. So each attempt to send it sends the same.
alter table reaper.notification
  add column digest_id bigint references reaper.notification on delete set null, -- the digest that it is in
  add column detail    jsonb;                                                    -- of a digest: what the webhook gets
alter table reaper.notification drop constraint notification_settled_as_check;
alter table reaper.notification
  add constraint notification_settled_as_check check (settled_as in ('sent', 'no channel', 'given up', 'digest'));
create index notification_digest_idx on reaper.notification (digest_id) where digest_id is not null;

-- Before each attempt to send a message: it is due again in a minute, so no digest takes what somebody is sending. False if it is settled,
-- for example by a digest.
create function reaper.take_for_sending(p_id bigint) returns boolean
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update reaper.notification set due_at = greatest(due_at, reaper.now() + interval '60 s') where id = p_id and owed;
  return found;
end
$$;

-- Puts all due messages of a kind into one digest if there are at least p_least. Those that were attempted before are left out, because
-- they may have arrived, and so are those to be given up. Returns its id, or null.
create function reaper.gather_digest(p_kind text, p_least integer default 6) returns bigint
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  c_shown  constant integer := 5;
  v_ids    bigint[];
  v_groups jsonb;
  v_first  jsonb;
  v_words  text;
  v_list   text;
  v_id     bigint;
begin
  if p_kind = 'digest' or p_least < 2 then
    return null;
  end if;
  select array_agg(d.id order by d.id) into v_ids
    from (select n.id from reaper.notification n
           where n.owed and n.due_at <= (select reaper.now()) and n.kind = p_kind and n.telegram_at is null and n.deliveries = '{}'
             and n.at > (select reaper.now()) - interval '23 hours'
           order by n.id limit 10000 for update skip locked) d;
  if coalesce(cardinality(v_ids), 0) < p_least then
    return null;
  end if;
  -- Reasons without what differs from run to run: pids, ages and times.
  select jsonb_agg(jsonb_build_object('agent', g.agent, 'reason', g.reason, 'count', g.count) order by g.count desc, g.agent, g.reason)
    into v_groups
    from (select left(n.agent, 100) as agent, regexp_replace(left(n.reason, 200), '^(dead pid|backstop age|crash budget|no probe answers)[ =].*$', E'\\1') as reason, count(*) as count
            from reaper.notification n where n.id = any (v_ids) group by 1, 2 order by 3 desc, 1, 2 limit 20) g;
  select jsonb_agg(left(coalesce(n.job_id, n.host, ''), 200) order by n.id) into v_first
    from reaper.notification n where n.id = any (v_ids[1:c_shown]);
  v_words := format(case p_kind
                      when 'failed' then '🚨 reaper: %s jobs reaped as FAILED'
                      when 'survivor' then '🚨 reaper: the processes of %s reaped runs are alive'
                      when 'backstop alive' then '⚠️ reaper: %s jobs are proven alive but over their ceiling'
                      when 'backstop unknown' then '⚠️ reaper: %s jobs are over their ceiling, and it is unknown whether they are alive'
                      when 'crash budget' then '⚠️ reaper: %s jobs were requeued although they have died too often by their own process, because others ran in it'
                      when 'host without probe' then '⚠️ reaper: no probe answers on %s hosts: their running jobs are unknown, none of them is reaped by a dead pid'
                      else '⚠️ reaper: %s messages' end, cardinality(v_ids));
  v_list := case when p_kind in ('failed', 'crash budget') then format('job-reaper ledger --limit %s', least(cardinality(v_ids), 10000)) else 'job-reaper status' end;
  insert into reaper.notification (key, kind, reason, text, due_at, detail)
  values (reaper.notification_key('digest', p_kind, v_ids[1]::text), 'digest', p_kind,
          format('%s: %s; the first are %s. List them: %s', v_words,
                 (select string_agg(case when g ->> 'agent' is null then format('%s %s', g ->> 'count', g ->> 'reason')
                                         else format('%s of %s (%s)', g ->> 'count', g ->> 'agent', g ->> 'reason') end, ', ' order by n)
                         || case when jsonb_array_length(v_groups) > c_shown then ' and others' else '' end
                    from jsonb_array_elements(v_groups) with ordinality e (g, n) where n <= c_shown),
                 (select string_agg(f, ', ' order by n) from jsonb_array_elements_text(v_first) with ordinality e (f, n)), v_list),
          reaper.now(),
          jsonb_build_object('of', p_kind, 'count', cardinality(v_ids), 'groups', v_groups, 'first', v_first, 'list', v_list))
  returning id into v_id;
  update reaper.notification
     set owed = false, settled_at = reaper.now(), settled_as = 'digest', digest_id = v_id
   where id = any (v_ids);
  return v_id;
end
$$;
