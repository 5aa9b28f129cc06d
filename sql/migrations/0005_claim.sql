-- The one atomic write that ends a run. Its order is what makes it safe; see ARCHITECTURE.md, "The claim".
--
-- result   won      this claimer ended the run, now or in an earlier attempt
--          lost     the run is over, or another claimer ended it
--          blocked  disabled, paused, held, or in the dry run (which is then on record in reaper.observation)
--          changed  the facts differ from those that the verdict was based on: observe again
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
  out result         text,
  out detail         text,
  out ledger_id      bigint,
  out notification_id bigint             -- what this win owes to people, if anything
)
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  -- A claim that waits for the job's row holds nothing else; one that waits further would hold up a pause.
  set lock_timeout = '8s'
as $$
declare
  v_run     reaper.running_job;
  v_running boolean;
  v_ledger  reaper.ledger;
  v_block   text;
  v_changed boolean;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'expected isolation level "read committed" for reaper.claim, got "%": each step must see what was committed while the one before it waited', current_setting('transaction_isolation')
      using errcode = 'active_sql_transaction';
  end if;
  if p_claimer is null or p_workflow_id is null or p_reason is null or p_evidence is null then
    raise exception 'expected a claimer, a workflow id, a reason and evidence for the claim of job "%", got a null', p_job_id
      using errcode = 'null_value_not_allowed';
  end if;

  select * into v_run from reaper.lock_run(p_job_id, p_run_key);
  v_running := found;

  select * into v_ledger from reaper.ledger l where l.job_id = p_job_id and l.run_key = p_run_key;
  if found then
    ledger_id := v_ledger.id;
    detail := v_ledger.outcome;
    result := 'lost';
    if v_ledger.claimer = p_claimer then
      result := 'won';
      select n.id into notification_id from reaper.notification n where n.ledger_id = v_ledger.id and n.owed;
    end if;
    return;
  end if;

  if not v_running then
    result := 'lost';
    detail := 'the run is over';
    return;
  end if;

  perform from reaper.control for share;
  -- From here on a pause waits for this transaction, so it must not wait long for anybody's row.
  perform set_config('lock_timeout', '1s', true);
  v_block := reaper.block_on(v_run.job_id, v_run.agent, v_run.repo, v_run.host);
  v_changed := v_run.pid is distinct from p_pid
            or v_run.process_identity is distinct from p_process_identity
            or v_run.exit_code is distinct from p_exit_code;

  if v_block like 'observe%' and not v_changed then
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
    return;
  end if;
  if v_changed then
    result := 'changed';
    detail := format('verdict on pid=%s exit=%s, found pid=%s exit=%s', coalesce(p_pid::text, 'None'),
                     coalesce(p_exit_code::text, 'None'), coalesce(v_run.pid::text, 'None'),
                     coalesce(v_run.exit_code::text, 'None'));
    return;
  end if;

  begin
    if not coalesce(reaper.finish(p_job_id, p_run_key, p_outcome, p_error), false) then
      result := 'lost';
      detail := 'the run is over';
      return;
    end if;
    if p_to_stage is not null then -- a condition of its own: advance may not exist
      if not coalesce(reaper.advance(p_job_id, p_run_key, p_from_stage, p_to_stage, p_next_agent), false) then
        raise exception 'the stage moved' using errcode = 'RP001';
      end if;
    end if;
    insert into reaper.ledger (job_id, run_key, run_id, task_id, agent, repo, host, pid, process_identity, exit_code,
                               attempts, max_attempts, started_at, outcome, tier, reason, error, from_stage, to_stage,
                               next_agent, evidence, claimer, workflow_id)
    values (v_run.job_id, v_run.run_key, v_run.run_id, v_run.task_id, v_run.agent, v_run.repo, v_run.host, v_run.pid,
            v_run.process_identity, v_run.exit_code, v_run.attempts, v_run.max_attempts, v_run.started_at, p_outcome,
            p_tier, p_reason, p_error, p_from_stage, p_to_stage, p_next_agent, p_evidence, p_claimer, p_workflow_id)
    returning id into ledger_id;
    if p_outcome = 'failed' then
      notification_id := reaper.owe_failed(ledger_id);
    end if;
    result := 'won';
    detail := p_outcome;
  exception
    when sqlstate 'RP001' then -- leaving this block undid finish
      result := 'changed';
      detail := format('the stage is no longer %s', p_from_stage);
  end;
end
$$;
