-- Opt-in, for the reference schema; for your own tables, copy it and change the names. Run as the owner of schema reaper.
--
-- A monitor that was only stopped for a while may wake up after its run was reaped, and finalize a job that is no longer its own.
-- A launcher that guards its write by (job, run, 'running') cannot do that. This trigger rejects such writes from any launcher:
--   - until the job is taken again, whatever the launcher does;
--   - after that, if the launcher says which run it means before it finalizes, in the same transaction:
--       select set_config('job_reaper.run_key', <the run key>, true)
-- A queued job may be cancelled: setting it "failed" is allowed, unless the writer names a run that was reaped. An operator can make
-- any other write after: set local job_reaper.override = 'on'

create or replace function reaper.reject_late_finalize() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
  -- Independent of what the launcher's session has set.
  set "DateStyle" = 'ISO, MDY' set "TimeZone" = 'UTC' set standard_conforming_strings = on
as $$
declare
  v_said    text := nullif(current_setting('job_reaper.run_key', true), '');
  v_run_key text;
  v_ledger  reaper.ledger;
begin
  if coalesce(current_setting('job_reaper.override', true), '') = 'on' then
    return new;
  end if;
  if old.status = 'running' then
    if v_said is not null then
      select r.run_key into v_run_key from reaper.running_job r where r.job_id = old.id;
      if v_said is distinct from v_run_key then
        perform reaper.note_late_write((select l.id from reaper.ledger l where l.job_id = old.id and l.run_key = v_said));
        raise exception 'expected run "%" of job "%" to be running, got run "%": its own run is over, nothing was written',
            v_said, old.id, v_run_key
          using errcode = 'RP003';
      end if;
    end if;
    return new;
  end if;
  -- Without a named run this cannot be told from a cancellation.
  if v_said is null and old.status = 'queued' and new.status = 'failed' then
    return new;
  end if;
  -- Attempts are counted when a run starts: the same number as in the ledger means that no other run has started since.
  select * into v_ledger from reaper.ledger l
   where l.job_id = old.id
     and case when v_said is null then l.attempts is not distinct from old.attempts else l.run_key = v_said end
   order by l.id desc limit 1;
  if found then
    perform reaper.note_late_write(v_ledger.id);
    raise exception 'expected job "%" to be running, got "%": its run was reaped (%), nothing was written',
        old.id, old.status, v_ledger.reason
      using errcode = 'RP003', hint = format('job-reaper explain %s', old.id);
  end if;
  return new;
end
$$;
revoke all on function reaper.reject_late_finalize() from public;

drop trigger if exists reject_late_finalize on public.jobs;
create trigger reject_late_finalize
  before update of status on public.jobs
  for each row when (new.status in ('done', 'failed'))
  execute function reaper.reject_late_finalize();
