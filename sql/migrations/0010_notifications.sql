-- What is owed to people: who owes it, and how it is settled. See table reaper.notification.

-- An idempotency key, fit for an HTTP header: parts are percent-encoded, so that no two notifications share one.
create function reaper.notification_key(p_kind text, p_id text, p_rest text) returns text
  language sql immutable
  as $$
    select string_agg(
             (select coalesce(string_agg(
                       case when c ~ '^[A-Za-z0-9._:@-]$' then c
                            else upper(regexp_replace(encode(convert_to(c, 'UTF8'), 'hex'), '(..)', '%\1', 'g')) end,
                       '' order by n), '')
                from regexp_split_to_table(part, '') with ordinality chars(c, n)),
             '/' order by i)
      from unnest(array[p_kind, p_id, p_rest]) with ordinality parts(part, i)
  $$;

create function reaper.silent_host_key(p_host text, p_missing_since timestamptz) returns text
  language sql immutable
  as $$ select reaper.notification_key('host-without-probe', p_host, extract(epoch from p_missing_since)::text) $$;

-- Part of a claim. Its watch sends it at once; a sweep only when the watch is gone.
create function reaper.owe_failed(p_ledger_id bigint) returns bigint
  language sql
  as $$
    insert into reaper.notification (key, kind, ledger_id, job_id, run_key, host, agent, repo, reason, text, due_at)
    select reaper.notification_key('failed', l.job_id, l.run_key), 'failed', l.id, l.job_id, l.run_key, l.host, l.agent,
           l.repo, l.reason,
           format('🚨 reaper: job %s (%s, repo %s) reaped as FAILED: %s', l.job_id, coalesce(l.agent, 'None'),
                  coalesce(l.repo, 'None'), l.reason),
           reaper.now() + interval '120 s'
      from reaper.ledger l
     where l.id = p_ledger_id
    returning id
  $$;

-- The alert that a run proven alive is over its ceiling: once per run. Returns its text, or null when it is not new.
create function reaper.owe_backstop_alert(p_job_id text, p_run_key text, p_host text, p_agent text, p_repo text,
                                          p_reason text) returns text
  language sql security definer set search_path = pg_catalog, pg_temp
  as $$
    insert into reaper.notification (key, kind, job_id, run_key, host, agent, repo, reason, text, due_at)
    values (reaper.notification_key('backstop-alive', p_job_id, p_run_key), 'backstop alive', p_job_id, p_run_key,
            p_host, p_agent, p_repo, p_reason,
            format('⚠️ reaper: job %s (%s, repo %s) is proven alive but over its ceiling: %s', p_job_id,
                   coalesce(p_agent, 'None'), coalesce(p_repo, 'None'), p_reason),
            reaper.now())
    on conflict (key) do nothing
    returning text
  $$;

-- Part of a sweep: the alerts about hosts without a probe for three intervals, once per outage. A host that was declared
-- gone needs none.
create function reaper.owe_silent_hosts(p_at timestamptz, p_hosts jsonb) returns void
  language sql
  as $$
    insert into reaper.notification (key, kind, host, reason, text, due_at)
    select reaper.silent_host_key(p.host, p.missing_since), 'host without probe', p.host, 'no probe answers since ' || since,
           format('⚠️ reaper: no probe answers on host %s since %s: its %s running jobs are unknown, none of them is reaped by a dead pid',
                  p.host, since, (select count(*) from reaper.running_job r where r.host = p.host)),
           reaper.now()
      from reaper.host_probe p
      cross join lateral to_char(p.missing_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') since
     where p_hosts ? p.host
       and p.missing_since <= p_at - make_interval(secs => 3 * reaper.published('intervalS', '15')::double precision)
       and not exists (select from reaper.gone_host g where g.host = p.host and g.declared_at >= p.missing_since)
    on conflict (key) do nothing
  $$;

-- Before each sending to Telegram: at most one taker sends.
create function reaper.take_for_telegram(p_id bigint) returns boolean
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update reaper.notification set telegram_at = reaper.now() where id = p_id and owed and telegram_at is null;
  return found;
end
$$;

-- What became of one sending. Telegram's is given back when it is known that nothing was delivered. What did not arrive
-- is due again in a minute, so that sweeps leave it to whoever tries now.
create function reaper.note_delivery(p_id bigint, p_channel text, p_result text) returns void
  language sql security definer set search_path = pg_catalog, pg_temp
as $$
  update reaper.notification
     set deliveries = deliveries || jsonb_build_object(p_channel, p_result),
         telegram_at = case when p_channel <> 'telegram' or p_result <> 'not delivered' then telegram_at end,
         due_at = case when p_result = 'sent' then due_at
                       else greatest(due_at, reaper.now() + interval '60 s') end
   where id = p_id and owed and deliveries ->> p_channel is distinct from 'sent'
$$;

-- True for the one who settles it.
create function reaper.settle_notification(p_id bigint, p_as text) returns boolean
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update reaper.notification set owed = false, settled_at = reaper.now(), settled_as = p_as where id = p_id and owed;
  return found;
end
$$;
