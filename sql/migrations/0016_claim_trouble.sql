-- Runs that cannot be claimed although their verdict stands, and when each is retried. This is here, not in Temporal, so that it
-- survives a watch that ends, a reaper that continues as new, and a Temporal that was wiped.
create table reaper.claim_trouble (
  job_id           text not null,
  run_key          text not null,
  kind             text not null check (kind in ('failed', 'locked')), -- failed: an error; locked: another session has locked the job's row
  why              text not null,
  failures         integer not null,      -- of this kind, in a row
  since            timestamptz not null,  -- the first of them, of either kind
  retry_at         timestamptz not null,  -- until then sweeps and probes skip the run
  -- The facts that the verdict rested on: a run with other facts is checked at once. Not known if the look itself failed.
  facts_known      boolean not null,
  pid              bigint,
  process_identity text,
  exit_code        integer,
  primary key (job_id, run_key)
);
create index claim_trouble_retry_idx on reaper.claim_trouble (retry_at);

-- Records that a run could not be claimed, and when it is retried: after an interval, then after twice as long each time, up to ten
-- minutes, or up to one minute for a locked row. Null for a run that is no longer running: then nothing is recorded.
create function reaper.note_claim_trouble(
  p_job_id           text,
  p_run_key          text,
  p_kind             text,
  p_why              text,
  p_facts_known      boolean,
  p_pid              bigint,
  p_process_identity text,
  p_exit_code        integer,
  out failures       integer,
  out retry_at       timestamptz
)
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now       timestamptz := reaper.now();
  v_interval  double precision := greatest(reaper.published('intervalS', '15')::double precision, 0.1);
  v_longest   double precision := greatest(v_interval, case p_kind when 'locked' then 60 else 600 end);
  v_running   boolean := true;
  v_failures  integer;
  v_retry_at  timestamptz;
begin
  begin
    v_running := exists (select from reaper.running_job r where r.job_id = p_job_id and r.run_key = p_run_key);
  exception
    when others then null; -- a row that cannot even be read is no reason to retry it all the time
  end;
  if not v_running then
    return;
  end if;
  insert into reaper.claim_trouble as t (job_id, run_key, kind, why, failures, since, retry_at, facts_known, pid,
                                         process_identity, exit_code)
  values (p_job_id, p_run_key, p_kind, left(p_why, 500), 1, v_now, v_now + make_interval(secs => least(v_interval, v_longest)),
          p_facts_known, p_pid, p_process_identity, p_exit_code)
  on conflict (job_id, run_key) do update
    set kind = excluded.kind, why = excluded.why,
        failures = case when t.kind = excluded.kind then t.failures + 1 else 1 end,
        -- 2^20 intervals are longer than any bound.
        retry_at = v_now + make_interval(secs => least(v_longest,
          v_interval * case when t.kind = excluded.kind then power(2::double precision, least(t.failures, 20)) else 1 end)),
        facts_known = excluded.facts_known, pid = excluded.pid, process_identity = excluded.process_identity,
        exit_code = excluded.exit_code
  returning t.failures, t.retry_at into v_failures, v_retry_at;
  failures := v_failures;
  retry_at := v_retry_at;
end
$$;

-- Records a sweep, see reaper.record_sweep, and forgets the trouble of runs that are over, show other facts, or no longer show a
-- symptom.
--
-- is_new  false if this very sweep was already recorded: sweeps are counted once
-- error   why only the sweep itself was recorded, and not what follows from it; null if everything was
create function reaper.note_sweep(p_at timestamptz, p_summary jsonb, out is_new boolean, out error text)
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  is_new := not exists (select from reaper.last_sweep s
                         where s.at = p_at and s.summary -> 'number' = p_summary -> 'number');
  begin
    perform reaper.record_sweep(p_at, p_summary);
    if exists (select from reaper.claim_trouble) then
      delete from reaper.claim_trouble t
       where not exists (select from reaper.troubled_run u where u.job_id = t.job_id and u.run_key = t.run_key)
          -- Whatever still shows a symptom has been retried by then: the others were in trouble only for a moment.
          or t.retry_at < reaper.now() - make_interval(secs => greatest(60, 4 * reaper.published('intervalS', '15')::double precision));
    end if;
    perform reaper.count_for_good();
  exception
    when others then -- such as a row that makes the view of running jobs raise: the sweep is recorded all the same
      error := sqlerrm;
      insert into reaper.last_sweep (at, summary)
      values (p_at, p_summary - 'hostsAnswered'
                    || jsonb_build_object('error', coalesce(p_summary ->> 'error', 'expected its record, got ' || sqlerrm)))
      on conflict (only_row) do update set at = excluded.at, summary = excluded.summary;
  end;
end
$$;
