-- The notification channels, and whether they still work: a channel that fails must not look like one that has nothing to say.

create table reaper.channel (
  name          text primary key,
  lost          bigint not null default 0, -- all messages that it did not accept and that are not sent again
  failing_since timestamptz,               -- the first of them since a message arrived; null when the last one arrived
  why           text                       -- of the last of them, free of secrets
);

-- What became of one attempt to send. If Telegram certainly did not receive it, it may be taken again. What did not arrive is due again
-- in a minute, so that sweeps leave it to the worker that is retrying now. p_why: why the message is lost on this channel, counted once;
-- workers of older versions do not pass it.
drop function reaper.note_delivery(bigint, text, text);
create function reaper.note_delivery(p_id bigint, p_channel text, p_result text, p_why text default null) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_before text;
  v_why    text := coalesce(p_why, case when p_result = 'refused' then 'refused' end);
begin
  select deliveries ->> p_channel into v_before from reaper.notification where id = p_id and owed for update;
  if not found or v_before = 'sent' then
    return;
  end if;
  update reaper.notification
     set deliveries = deliveries || jsonb_build_object(p_channel, p_result),
         telegram_at = case when p_channel <> 'telegram' or p_result <> 'not delivered' then telegram_at end,
         due_at = case when p_result = 'sent' then due_at
                       else greatest(due_at, reaper.now() + interval '60 s') end
   where id = p_id;
  if p_result = 'sent' then
    update reaper.channel set failing_since = null, why = null where name = p_channel and failing_since is not null;
  elsif v_why is not null and v_before is distinct from p_result then
    insert into reaper.channel as c (name, lost, failing_since, why) values (p_channel, 1, reaper.now(), v_why)
    on conflict (name) do update
      set lost = c.lost + 1, failing_since = coalesce(c.failing_since, excluded.failing_since), why = excluded.why;
  end if;
end
$$;

-- At a worker's start: a channel that is no longer used does not count as failing.
create function reaper.keep_channels(p_names text[]) returns void
  language sql security definer set search_path = pg_catalog, pg_temp
  as $$ update reaper.channel set failing_since = null, why = null where failing_since is not null and name <> all (p_names) $$;
