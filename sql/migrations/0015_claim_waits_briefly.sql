-- Who holds the lock that a session of the caller's own login waits for: the sessions at the head of the queue, in words; null if it
-- does not wait. Role reaper learns nothing else about them.
create function reaper.lock_holder(p_pid integer) returns text
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  with recursive ahead (pid) as (
    select unnest(pg_blocking_pids(w.pid)) from pg_stat_activity w where w.pid = p_pid and w.usename = session_user
    union
    select unnest(pg_blocking_pids(a.pid)) from ahead a where a.pid <> 0
  )
  select string_agg(
           case when a.pid = 0 then 'a prepared transaction'
                else format('pid %s (app %s, user %s)', a.pid, coalesce(nullif(s.application_name, ''), 'unknown'),
                            coalesce(s.usename, 'unknown'))
                     || coalesce(' since ' || to_char(s.xact_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), '')
           end, ' and ' order by s.xact_start, a.pid)
    from ahead a
    left join pg_stat_activity s on s.pid = a.pid
   where a.pid = 0 or pg_blocking_pids(a.pid) = '{}'
$$;

-- Whether an exit record tells that the agent of the run has ended. Not if it is a second or more older than the start: then it is a
-- previous run's, which a launcher did not clear. While the very process in the row's stamp is alive, not even if it is less than a
-- second younger, or the start is not known. A record without a time is the run's own. domain/exit-record.ts says the same.
create function reaper.believes_exit(p_started_at timestamptz, p_finished_at timestamptz, p_proven_alive boolean) returns boolean
  language sql stable
as $$
  select case when isfinite(p_finished_at) is not true then true
              when isfinite(p_started_at) is not true then not p_proven_alive
              when p_proven_alive then extract(epoch from p_finished_at) - extract(epoch from p_started_at) >= 1
              else extract(epoch from p_finished_at) - extract(epoch from p_started_at) > -1 end
$$;

-- What a claim writes, all of it or nothing. The caller holds the lock on the job's row and has found the run running.
--
-- result   won: detail is the outcome that was written, which the queue's own rules may have changed; lost: finish found no such run;
--          changed: the stage moved
create function reaper.end_run(
  p_job_id            text,
  p_run_key           text,
  p_claimer           text,
  p_workflow_id       text,
  p_outcome           text,
  p_tier              integer,
  p_reason            text,
  p_error             text,
  p_evidence          jsonb,
  p_from_stage        text,
  p_to_stage          text,
  p_next_agent        text,
  out result          text,
  out detail          text,
  out ledger_id       bigint,
  out notification_id bigint
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run   reaper.running_job;
  v_wrote text; -- true or false, or the outcome that the queue made of it
begin
  select * into v_run from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key;
  v_wrote := coalesce(reaper.finish(p_job_id, p_run_key, p_outcome, p_error)::text, 'false');
  if v_wrote = 'true' then
    v_wrote := p_outcome;
  elsif v_wrote = 'false' then
    result := 'lost';
    detail := 'the run is over';
    return;
  end if;
  if p_to_stage is not null then -- a separate condition, because advance may not exist
    if not coalesce(reaper.advance(p_job_id, p_run_key, p_from_stage, p_to_stage, p_next_agent), false) then
      raise exception 'the stage moved' using errcode = 'RP001';
    end if;
  end if;
  insert into reaper.ledger (job_id, run_key, run_id, task_id, agent, repo, host, pid, process_identity, exit_code,
                             attempts, max_attempts, started_at, outcome, tier, reason, error, from_stage, to_stage,
                             next_agent, evidence, claimer, workflow_id, cause)
  values (v_run.job_id, v_run.run_key, v_run.run_id, v_run.task_id, v_run.agent, v_run.repo, v_run.host, v_run.pid,
          v_run.process_identity, v_run.exit_code, v_run.attempts, v_run.max_attempts, v_run.started_at, v_wrote,
          p_tier, p_reason, p_error, p_from_stage, p_to_stage, p_next_agent, p_evidence, p_claimer, p_workflow_id,
          case when p_tier = 1 then p_evidence #>> '{liveness,cause}' end)
  returning id into ledger_id;
  if v_wrote = 'failed' then
    notification_id := reaper.owe_failed(ledger_id);
  elsif v_wrote = 'queued' and p_evidence #>> '{crashBudget,outcome}' = 'queued' then
    notification_id := reaper.owe_crash_alert(ledger_id);
  end if;
  result := 'won';
  detail := v_wrote;
exception
  when sqlstate 'RP001' then -- leaving this block has undone finish
    result := 'changed';
    detail := format('the stage is no longer %s', p_from_stage);
    ledger_id := null;
end
$$;

-- What an earlier claim of this run came to: won if it was this very claimer's, whose answer was lost; else lost. Null if there was none.
create function reaper.claimed_before(
  p_job_id            text,
  p_run_key           text,
  p_claimer           text,
  out result          text,
  out detail          text,
  out ledger_id       bigint,
  out notification_id bigint
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off -- a plan made for an empty ledger lasts as long as its session
as $$
declare
  v_ledger reaper.ledger;
begin
  select * into v_ledger from reaper.ledger l where l.job_id = p_job_id and l.run_key = p_run_key;
  if not found then
    return;
  end if;
  ledger_id := v_ledger.id;
  detail := v_ledger.outcome;
  result := 'lost';
  if v_ledger.claimer = p_claimer then
    result := 'won';
    select n.id into notification_id from reaper.notification n where n.ledger_id = v_ledger.id and n.owed;
  end if;
end
$$;

-- The claim of a run whose row is locked, with the control lock held: reads it afresh, judges it once more, and ends it.
--
-- p_adapter_trouble  from reaper.adapter_trouble(), read under the same locks. If the view follows a table that was swapped away, its
--                    facts are about another row than the one that finish would write to
-- p_alone            from reaper.crash_facts(), read just before: needed only if the run is to fail by its crash budget
create function reaper.claim_held(
  p_job_id           text,
  p_run_key          text,
  p_claimer          text,
  p_workflow_id      text,
  p_outcome          text,
  p_tier             integer,
  p_reason           text,
  p_error            text,
  p_evidence         jsonb,
  p_pid              bigint,
  p_process_identity text,
  p_exit_code        integer,
  p_from_stage       text,
  p_to_stage         text,
  p_next_agent       text,
  p_looked_at        timestamptz,
  p_host_gone_by     text,
  p_adapter_trouble  text,
  p_alone            boolean,
  out result         text,
  out detail         text,
  out ledger_id      bigint,
  out notification_id bigint
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run              reaper.running_job; -- not a parameter: a function with that type is dropped together with the view
  v_block            text;
  v_changed          text := p_adapter_trouble;
  v_is_proven        boolean := coalesce(p_evidence #>> '{liveness,proven}', '') = 'true';
  v_exit_is_believed boolean;
  v_now              timestamptz;
begin
  select * into v_run from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key;
  if not found then
    result := case when p_adapter_trouble is null then 'lost' else 'changed' end;
    detail := coalesce(p_adapter_trouble, 'the run is over');
    return;
  end if;
  v_block := reaper.block_on(v_run.job_id, v_run.agent, v_run.repo, v_run.host);
  v_exit_is_believed := reaper.believes_exit(v_run.started_at, v_run.finished_at, v_is_proven);
  -- Read after all waits. A recorded exit code stays true; what a look at a process found may not.
  v_now := reaper.now();
  if v_changed is not null then
    null;
  elsif p_evidence #>> '{crashBudget,outcome}' = 'failed' and p_alone is not true then
    v_changed := 'over its crash budget it fails only if it was alone in its process: by now another run is known there, or the budget is not used up';
  elsif v_run.pid is distinct from p_pid
     or v_run.process_identity is distinct from p_process_identity
     or v_run.exit_code is distinct from p_exit_code then
    v_changed := format('verdict on pid=%s exit=%s, found pid=%s exit=%s', coalesce(p_pid::text, 'None'),
                        coalesce(p_exit_code::text, 'None'), coalesce(v_run.pid::text, 'None'),
                        coalesce(v_run.exit_code::text, 'None'));
  elsif p_tier = 2 and not v_exit_is_believed then
    v_changed := format(case when v_is_proven then 'its process is alive, and its exit record of %s is not younger than its start at %s: have the launcher clear it when it starts a run'
                             else 'its exit record of %s is older than its start at %s: have the launcher clear it when it starts a run' end,
                        to_char(v_run.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                        coalesce(to_char(v_run.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'an unknown time'));
  elsif p_tier in (1, 3) and v_run.exit_code is not null and v_exit_is_believed and isfinite(v_run.finished_at)
        and v_run.finished_at <= v_now then
    -- It may be the same code as one that was older: then the comparison above finds no difference.
    v_changed := format('its exit code %s was recorded meanwhile', v_run.exit_code);
  elsif p_tier in (1, 3) and p_looked_at > v_now then
    v_changed := 'the look is in the future by the database''s clock, which was set back';
  elsif p_tier in (1, 3) and p_looked_at < v_now - interval '30 seconds' then
    v_changed := format('the look is %s s old, over 30', trunc(extract(epoch from v_now - p_looked_at)));
  elsif p_host_gone_by is not null
        and reaper.host_is_gone(v_run.host, v_run.started_at) is null
        and reaper.place_is_gone(v_run.host, v_run.started_at, v_run.process_identity) is null then
    v_changed := format('no longer stands: %s', p_host_gone_by);
  end if;

  if v_block like 'observe%' and v_changed is null then
    insert into reaper.observation (job_id, run_key, agent, repo, host, pid, process_identity, exit_code,
                                    outcome, tier, reason, evidence)
    values (v_run.job_id, v_run.run_key, v_run.agent, v_run.repo, v_run.host, v_run.pid, v_run.process_identity,
            v_run.exit_code, p_outcome, p_tier, p_reason, p_evidence)
    on conflict (job_id, run_key, outcome, tier) do update
      set pid = excluded.pid, process_identity = excluded.process_identity, exit_code = excluded.exit_code,
          reason = excluded.reason, evidence = excluded.evidence;
  end if;
  if v_block is not null then
    result := 'blocked';
    detail := v_block;
  elsif v_changed is not null then
    result := 'changed';
    detail := v_changed;
  else
    select e.result, e.detail, e.ledger_id, e.notification_id into result, detail, ledger_id, notification_id
      from reaper.end_run(v_run.job_id, v_run.run_key, p_claimer, p_workflow_id, p_outcome, p_tier, p_reason, p_error, p_evidence,
                          p_from_stage, p_to_stage, p_next_agent) e;
  end if;
end
$$;

-- The claim as in 0005, with two more facts. A caller that passes the time of the look knows the result "busy": then the claim waits for
-- locks only briefly, and its facts must not be old.
--
-- result   changed  also: the look is too old, a declaration is no longer in force, the exit record is not believed, or the view
--                   does not show the queue as it is
--          busy     another session has locked the job's row, or something else that the claim needs: nothing was done, retry later
drop function reaper.claim(text, text, text, text, text, integer, text, text, jsonb, bigint, text, integer, text, text, text);
create function reaper.claim(
  p_job_id           text,
  p_run_key          text,
  p_claimer          text,
  p_workflow_id      text,
  p_outcome          text,
  p_tier             integer,
  p_reason           text,
  p_error            text,
  p_evidence         jsonb,
  -- the facts that the verdict was based on
  p_pid              bigint,
  p_process_identity text,
  p_exit_code        integer,
  -- all null: no advance
  p_from_stage       text default null,
  p_to_stage         text default null,
  p_next_agent       text default null,
  -- when the facts were read, by the database's clock; null from callers of older versions
  p_looked_at        timestamptz default null,
  -- the declaration that the run's host, boot or pod is gone, in words, if the verdict rests on it
  p_host_gone_by     text default null,
  out result         text,
  out detail         text,
  out ledger_id      bigint,
  out notification_id bigint             -- the notification that this win owes, if any
)
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  -- While a claim waits for the job's row it holds nothing else. Waiting for more than that would delay a pause.
  set lock_timeout = '8s'
as $$
declare
  v_run     reaper.running_job;
  v_running boolean;
  v_alone   boolean;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'expected isolation level "read committed" for reaper.claim, got "%": each step must see what was committed while the previous step waited', current_setting('transaction_isolation')
      using errcode = 'active_sql_transaction';
  end if;
  if p_claimer is null or p_workflow_id is null or p_reason is null or p_evidence is null then
    raise exception 'expected a claimer, a workflow id, a reason and evidence for the claim of job "%", got a null', p_job_id
      using errcode = 'null_value_not_allowed';
  end if;

  if p_looked_at is not null then
    -- A monitor that finalizes the run takes milliseconds. Waiting longer is not worth a connection.
    perform set_config('lock_timeout', '250ms', true);
  end if;
  begin
    -- Before all locks, because it reads the running jobs: a pause would wait for that, and the queue, too.
    if p_evidence #>> '{crashBudget,outcome}' = 'failed' then
      select f.alone into v_alone from reaper.crash_facts(array[p_job_id], array[p_run_key]) f;
    end if;
    select * into v_run from reaper.lock_run(p_job_id, p_run_key);
    v_running := found;
  exception when lock_not_available then
    if p_looked_at is null then raise; end if;
    result := 'busy';
    detail := 'its row is locked';
    return;
  end;

  select b.result, b.detail, b.ledger_id, b.notification_id into result, detail, ledger_id, notification_id
    from reaper.claimed_before(p_job_id, p_run_key, p_claimer) b;
  if result is not null then
    return;
  end if;
  if not v_running then
    select string_agg(t, '; ') into detail from reaper.adapter_trouble() t;
    result := case when detail is null then 'lost' else 'changed' end;
    detail := coalesce(detail, 'the run is over');
    return;
  end if;

  if p_looked_at is not null then
    perform set_config('lock_timeout', '250ms', true);
  end if;
  begin
    -- Claims share it; operators' functions do not. Unlike row locks it is granted in the order of arrival, so no stream of claims
    -- overtakes a pause that waits.
    lock table reaper.control in share mode;
  exception when lock_not_available then
    if p_looked_at is null then raise; end if;
    result := 'busy';
    detail := 'the control row is locked';
    return;
  end;
  -- From here on a pause waits for this transaction, so it must not wait long for any row.
  -- All waits after the job's row together stay below deadlock_timeout (1 s): if a claim and a transaction of the queue wait for each
  -- other, the claim gives way.
  perform set_config('lock_timeout', case when p_looked_at is null then '1s' else '500ms' end, true);
  begin
    select h.result, h.detail, h.ledger_id, h.notification_id into result, detail, ledger_id, notification_id
      from reaper.claim_held(p_job_id, p_run_key, p_claimer, p_workflow_id, p_outcome, p_tier, p_reason, p_error, p_evidence, p_pid,
                             p_process_identity, p_exit_code, p_from_stage, p_to_stage, p_next_agent, p_looked_at, p_host_gone_by,
                             (select string_agg(t, '; ') from reaper.adapter_trouble() t),
                             v_alone) h;
  exception
    when lock_not_available then -- leaving this block has undone all of it
      if p_looked_at is null then raise; end if;
      result := 'busy';
      detail := 'a row that goes with it is locked';
  end;
end
$$;

-- The database's clock is taken as it is. Steps are no longer recorded; what workers of the previous version call for it does nothing.
create or replace function reaper.age_s(p_since timestamptz, p_now timestamptz) returns double precision
  language sql stable
  as $$
    select case when isfinite(p_since) then extract(epoch from p_now - p_since)::double precision end
  $$;
create or replace function reaper.note_clock_step(p_known bigint, p_read timestamptz, p_found timestamptz, p_elapsed_s double precision)
  returns double precision
  language sql security definer set search_path = pg_catalog, pg_temp
as $$ select 0::double precision $$;
delete from reaper.clock_step;
comment on table reaper.clock_step is 'Empty: read by workers of the version before only';
