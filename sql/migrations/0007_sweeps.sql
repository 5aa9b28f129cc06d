-- What a sweep puts on record. None of it touches a job row.

create function reaper.take_alert(p_kind text, p_job_id text, p_run_key text, p_text text) returns boolean
  language sql security definer set search_path = pg_catalog, pg_temp
as $$
  with taken as (
    insert into reaper.alert (kind, job_id, run_key, text) values (p_kind, p_job_id, p_run_key, p_text)
    on conflict do nothing
    returning 1
  )
  select exists (select from taken)
$$;

-- p_summary: as the sweep returns it; "hostsAnswered" lists the hosts whose probe answered.
create function reaper.record_sweep(p_at timestamptz, p_summary jsonb) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into reaper.last_sweep (at, summary) values (p_at, p_summary - 'hostsAnswered')
  on conflict (only_row) do update set at = excluded.at, summary = excluded.summary;

  insert into reaper.host_probe (host, answered_at)
  select h, p_at from jsonb_array_elements_text(coalesce(p_summary -> 'hostsAnswered', '[]')) h
  on conflict (host) do update set answered_at = excluded.answered_at;

  update reaper.observation o
     set became_at = reaper.now(),
         became = case when exists (select from reaper.ledger l where l.job_id = o.job_id and l.run_key = o.run_key)
                       then 'reaped' else 'ended by itself' end
   where o.became is null
     and not exists (select from reaper.running_job r where r.job_id = o.job_id and r.run_key = o.run_key);
end
$$;
