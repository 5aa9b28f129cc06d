-- What a sweep puts on record. None of it touches a job row.

-- p_summary: as the sweep returns it; "hostsAnswered" lists the hosts whose probe answered, "hostsWithoutProbe" the others.
create function reaper.record_sweep(p_at timestamptz, p_summary jsonb) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_silent jsonb := coalesce(p_summary -> 'hostsWithoutProbe', '[]');
begin
  insert into reaper.last_sweep (at, summary) values (p_at, p_summary - 'hostsAnswered')
  on conflict (only_row) do update set at = excluded.at, summary = excluded.summary;

  insert into reaper.host_probe (host, answered_at)
  select h, p_at from jsonb_array_elements_text(coalesce(p_summary -> 'hostsAnswered', '[]')) h
  on conflict (host) do update set answered_at = excluded.answered_at, missing_since = null;

  insert into reaper.host_probe (host, missing_since)
  select h, p_at from jsonb_array_elements_text(v_silent) h
  on conflict (host) do update set missing_since = excluded.missing_since where host_probe.missing_since is null;

  perform reaper.owe_silent_hosts(p_at, v_silent);

  -- Where nothing runs any more nobody asks: what was not worth an alert by then is forgotten. A failed sweep did not ask.
  update reaper.host_probe p
     set missing_since = null
   where p.missing_since is not null
     and p_summary ->> 'error' is null
     and not exists (select from reaper.running_job r where r.host = p.host)
     and not exists (select from reaper.notification n
                      where n.key = reaper.silent_host_key(p.host, p.missing_since));

  update reaper.observation o
     set became_at = reaper.now(),
         became = case when exists (select from reaper.ledger l where l.job_id = o.job_id and l.run_key = o.run_key)
                       then 'reaped' else 'ended by itself' end
   where o.became is null
     and not exists (select from reaper.running_job r where r.job_id = o.job_id and r.run_key = o.run_key);
end
$$;
