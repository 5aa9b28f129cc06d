-- Locks the rows of those of these jobs that nobody else has locked, as long as the transaction lasts. The adapter's lock_runs does it
-- in one statement; without it, job by job, each with the shortest wait that there is, and not more than ten of them.
--
-- locked  the jobs whose rows are locked now
-- tried   how many of these jobs, from the first, it tried to lock
create function reaper.lock_free_runs(p_job_ids text[], p_run_keys text[], out locked text[], out tried integer)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  tried := cardinality(p_job_ids);
  if to_regprocedure('reaper.lock_runs(text[])') is not null then
    execute 'select array_agg(l) from reaper.lock_runs($1) l' into locked using p_job_ids;
    locked := coalesce(locked, '{}');
    return;
  end if;
  tried := least(tried, 10);
  locked := '{}';
  perform set_config('lock_timeout', '1ms', true);
  for i in 1 .. tried loop
    begin
      perform from reaper.lock_run(p_job_ids[i], p_run_keys[i]);
      locked := locked || p_job_ids[i];
    exception when lock_not_available then
      null;
    end;
  end loop;
end
$$;

-- Claims many runs in one transaction, each as reaper.claim would, and waits for nobody's row: runs whose row is locked are left out. No
-- failure of one is one of the others. After p_limit_ms, or once a lock was waited for in vain, it leaves the rest, so that a pause does
-- not wait for it. At most 30 runs: each takes two subtransactions, and Postgres caches 64 a session.
--
-- p_claims  an array of objects with job_id, run_key, outcome, tier, reason, error, evidence, pid, process_identity, exit_code,
--           from_stage, to_stage, next_agent and host_gone_by, as the parameters of reaper.claim
-- result    as from reaper.claim; also error: detail has the message and SQLSTATE; and left: not tried, or not to the end, so try again
-- is_again  it was won before, and the answer was lost
create function reaper.claim_many(
  p_claims      jsonb,
  p_claimer     text,
  p_workflow_id text,
  p_looked_at   timestamptz,
  p_limit_ms    double precision
)
  returns table (job_id text, run_key text, result text, detail text, ledger_id bigint, notification_id bigint, is_again boolean)
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '50ms'
as $$
#variable_conflict use_column
declare
  v_claim    jsonb;
  v_place    integer;
  v_locked   text[];
  v_lockable integer; -- those after it are left to the next batch
  v_began    timestamptz;
  v_tried    boolean := false; -- one is, however slow the machine
  v_trouble  text;
  v_alone    text[]; -- of those that are to fail by their crash budget, the jobs that were alone in their processes
  v_stop     text; -- why the rest is left
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'expected isolation level "read committed" for reaper.claim_many, got "%": each step must see what was committed while the previous step waited', current_setting('transaction_isolation')
      using errcode = 'active_sql_transaction';
  end if;
  if p_claimer is null or p_workflow_id is null or p_looked_at is null then
    raise exception 'expected a claimer, a workflow id and the time of the look for reaper.claim_many, got a null'
      using errcode = 'null_value_not_allowed';
  end if;
  if jsonb_typeof(p_claims) <> 'array' or jsonb_array_length(p_claims) > 30 then
    raise exception 'expected an array of at most 30 claims, got %',
        case when jsonb_typeof(p_claims) = 'array' then jsonb_array_length(p_claims)::text else jsonb_typeof(p_claims) end
      using errcode = 'invalid_parameter_value';
  end if;

  -- Before all locks, because it reads the running jobs: a pause would wait for that, and the queue, too.
  if exists (select from jsonb_array_elements(p_claims) c where c #>> '{evidence,crashBudget,outcome}' = 'failed') then
    select array_agg(f.job_id) filter (where f.alone) into v_alone
      from (select array_agg(c ->> 'job_id') as job_ids, array_agg(c ->> 'run_key') as run_keys
              from jsonb_array_elements(p_claims) c where c #>> '{evidence,crashBudget,outcome}' = 'failed') w
     cross join lateral reaper.crash_facts(w.job_ids, w.run_keys) f;
  end if;
  select f.locked, f.tried into v_locked, v_lockable
    from reaper.lock_free_runs(array(select c ->> 'job_id' from jsonb_array_elements(p_claims) with ordinality e (c, n) order by n),
                               array(select c ->> 'run_key' from jsonb_array_elements(p_claims) with ordinality e (c, n) order by n)) f;
  perform set_config('lock_timeout', '250ms', true);
  begin
    lock table reaper.control in share mode; -- fair, see reaper.claim
  exception when lock_not_available then
    v_stop := 'the control row is locked';
  end;
  perform set_config('lock_timeout', '50ms', true);
  v_began := reaper.now();
  if v_stop is null then
    select string_agg(t, '; ') into v_trouble from reaper.adapter_trouble() t;
  end if;

  for v_claim, v_place in select c, n from jsonb_array_elements(p_claims) with ordinality e (c, n) order by n loop
    job_id := v_claim ->> 'job_id';
    run_key := v_claim ->> 'run_key';
    is_again := false;
    select b.result, b.detail, b.ledger_id, b.notification_id into result, detail, ledger_id, notification_id
      from reaper.claimed_before(v_claim ->> 'job_id', v_claim ->> 'run_key', p_claimer) b;
    if result is not null then
      is_again := result = 'won';
      return next;
      continue;
    end if;
    v_stop := coalesce(v_stop, case when v_tried and extract(epoch from reaper.now() - v_began) * 1000 > p_limit_ms then 'the batch had its time' end);
    if v_stop is not null or v_place > v_lockable then
      result := 'left';
      detail := coalesce(v_stop, 'the adapter has no lock_runs, so a batch is smaller');
      return next;
      continue;
    end if;
    begin
      if not (v_claim ->> 'job_id') = any (v_locked) then
        perform from reaper.running_job r where r.job_id = v_claim ->> 'job_id' and r.run_key = v_claim ->> 'run_key';
        result := case when found then 'busy' when v_trouble is not null then 'changed' else 'lost' end;
        detail := case when found then 'its row is locked' else coalesce(v_trouble, 'the run is over') end;
      else
        -- A deferred constraint of one run's rows must not fail the COMMIT of all.
        v_tried := true;
        set constraints all deferred;
        select h.result, h.detail, h.ledger_id, h.notification_id into result, detail, ledger_id, notification_id
          from reaper.claim_held(v_claim ->> 'job_id', v_claim ->> 'run_key', p_claimer, p_workflow_id, v_claim ->> 'outcome', (v_claim ->> 'tier')::integer,
                                 v_claim ->> 'reason', v_claim ->> 'error', v_claim -> 'evidence', (v_claim ->> 'pid')::bigint,
                                 v_claim ->> 'process_identity', (v_claim ->> 'exit_code')::integer, v_claim ->> 'from_stage',
                                 v_claim ->> 'to_stage', v_claim ->> 'next_agent', p_looked_at, v_claim ->> 'host_gone_by',
                                 v_trouble, (v_claim ->> 'job_id') = any (v_alone)) h;
        -- No watch sends it: a sweep does, together with the others.
        update reaper.notification n set due_at = reaper.now() + interval '5 s' where n.id = notification_id and n.owed;
        set constraints all immediate;
      end if;
    exception
      when lock_not_available then -- leaving this block has undone all of it
        v_stop := 'a lock was waited for';
        result := 'busy';
        detail := 'a row that goes with it is locked';
        ledger_id := null;
        notification_id := null;
      when others then
        result := 'error';
        detail := format('%s (SQLSTATE %s)', sqlerrm, sqlstate);
        ledger_id := null;
        notification_id := null;
    end;
    return next;
  end loop;
end
$$;
