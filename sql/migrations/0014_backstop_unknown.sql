-- Whether exit codes are recorded: then a run over its ceiling without one no longer has a monitor. An adapter whose queue has none
-- says so with reaper.has_exit_codes(); without that function exit codes are assumed.
create function reaper.records_exit_codes() returns boolean
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_records boolean;
begin
  if to_regprocedure('reaper.has_exit_codes()') is null then
    return true;
  end if;
  execute 'select reaper.has_exit_codes()' into v_records;
  return coalesce(v_records, true);
end
$$;

-- The program lists the kinds; a list here would have to be replaced for each new one.
alter table reaper.notification drop constraint notification_kind_check;
alter table reaper.notification add constraint notification_kind_check check (kind ~ '^[a-z][a-z ]{0,49}$');

drop function reaper.owe_backstop_alert(text, text, text, text, text, text);

-- The alert that a run is over its ceiling and left alone, because it is proven alive or unknown: once per run and kind. Returns its
-- text, or null if it is not new.
create function reaper.owe_backstop_alert(p_job_id text, p_run_key text, p_host text, p_agent text, p_repo text,
                                          p_reason text, p_kind text default 'backstop alive') returns text
  language sql security definer set search_path = pg_catalog, pg_temp
  as $$
    insert into reaper.notification (key, kind, job_id, run_key, host, agent, repo, reason, text, due_at)
    select reaper.notification_key(replace(k.kind, ' ', '-'), p_job_id, p_run_key), k.kind, p_job_id, p_run_key, p_host,
           p_agent, p_repo, p_reason,
           format(case k.kind
                    when 'backstop alive' then '⚠️ reaper: job %s (%s, repo %s) is proven alive but over its ceiling: %s'
                    else '⚠️ reaper: job %s (%s, repo %s) is over its ceiling, and it is unknown whether it is alive: %s' end,
                  p_job_id, coalesce(p_agent, 'None'), coalesce(p_repo, 'None'), p_reason),
           reaper.now()
      from (select case p_kind when 'backstop unknown' then p_kind else 'backstop alive' end as kind) k
    on conflict (key) do nothing
    returning text
  $$;
