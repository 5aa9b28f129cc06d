-- Run after every migration and adapter: everything that each role may do. Any other grant to our roles or to PUBLIC is revoked, by
-- whomever it was made, and so are the owner's default privileges. Grants to other roles, such as a monitor's that reads reaper.status,
-- stay.
do $$
declare
  v_grantee text;
begin
  for v_grantee in
    select 'public'
    union all select unnest(array['reaper', 'reaper_probe', 'reaper_worker', 'reaper_note'])
    union
    select quote_ident(r.rolname)
      from pg_catalog.pg_default_acl d
     cross join pg_catalog.aclexplode(d.defaclacl) a
      join pg_catalog.pg_roles r on r.oid = a.grantee
     where d.defaclrole = current_user::regrole and a.grantee <> d.defaclrole
  loop
    execute pg_catalog.format('revoke all on schema reaper from %s', v_grantee);
    execute pg_catalog.format('revoke all on all tables in schema reaper from %s', v_grantee);
    execute pg_catalog.format('revoke all on all sequences in schema reaper from %s', v_grantee);
    execute pg_catalog.format('revoke all on all routines in schema reaper from %s', v_grantee);
  end loop;
end
$$;

grant usage on schema reaper to reaper, reaper_probe, reaper_worker, reaper_note;
-- All that may be written within the queue's own statements.
grant insert on reaper.run_process to reaper_note;
-- All that the logins of the queue's own workers may do here.
grant execute on function reaper.announce(text, text) to reaper_worker;

grant select on reaper.running_job, reaper.examinable_run to reaper, reaper_probe;
grant select on reaper.look_back to reaper, reaper_probe;
grant execute on function
  reaper.now(),
  reaper.believes_exit(timestamptz, timestamptz, boolean),
  reaper.report_host(text, text, text, text, boolean, timestamptz, double precision, double precision, integer, integer,
                     integer, text, jsonb, boolean),
  reaper.boots(text[], text[]),
  reaper.note_look_back(text, bigint[], jsonb)
to reaper, reaper_probe;

-- Reading a view takes the right to call the functions in it.
do $$
declare
  v_function text;
begin
  for v_function in
    select b.name from reaper.behind_adapter() b join pg_catalog.pg_proc p on p.oid = b.id
     where b.root = 'view' and b.kind = 'function' and pg_catalog.pg_has_role(p.proowner, 'usage')
    union all
    select 'reaper.has_exit_codes()' where pg_catalog.to_regprocedure('reaper.has_exit_codes()') is not null
  loop
    execute pg_catalog.format('grant execute on function %s to reaper, reaper_probe', v_function);
  end loop;
end
$$;

grant select on reaper.control, reaper.control_change, reaper.hold, reaper.ledger, reaper.observation,
  reaper.notification, reaper.channel, reaper.host_probe, reaper.gone_host, reaper.clock_step, reaper.last_sweep,
  reaper.survivor, reaper.refutable_claim, reaper.lease_reclaim, reaper.lease_worker, reaper.pruned, reaper.counted, reaper.written_request, reaper.claim_total, reaper.unreadable_run,
  reaper.readable_run,
  reaper.status, reaper.claim_trouble, reaper.troubled_run, reaper.host_boot, reaper.host_reporter, reaper.gone_boot, reaper.replaced_host,
  reaper.host_warning, reaper.queue_worker, reaper.run_process, reaper.unplaced_worker to reaper;
grant execute on function
  reaper.has_stages(),
  reaper.records_exit_codes(),
  reaper.hold_on(text, text, text, text),
  reaper.block_on(text, text, text, text),
  reaper.claim_many(jsonb, text, text, timestamptz, double precision),
  reaper.claim(text, text, text, text, text, integer, text, text, jsonb, bigint, text, integer, text, text, text, timestamptz,
    text),
  reaper.lock_holder(integer),
  reaper.try_claim(text, text, text),
  reaper.crash_facts(text[], text[]),
  reaper.adapter_trouble(),
  reaper.note_unreadable(jsonb),
  reaper.owe_backstop_alert(text, text, text, text, text, text, text),
  reaper.take_for_sending(bigint),
  reaper.take_for_telegram(bigint),
  reaper.note_delivery(bigint, text, text, text),
  reaper.keep_channels(text[]),
  reaper.settle_notification(bigint, text),
  reaper.note_request(text),
  reaper.gather_digest(text, integer),
  reaper.pause(text, text),
  reaper.resume(text),
  reaper.set_mode(text, text),
  reaper.publish_policy(jsonb, text),
  reaper.put_hold(text, text, text, text, bigint),
  reaper.release_hold(text, text, text),
  reaper.declare_host_gone(text, text),
  reaper.declare_host_replaced(text, text),
  reaper.declare_boot_gone(text, text),
  reaper.published(text, text),
  reaper.report_window(),
  reaper.host_answered_at(text),
  reaper.host_is_gone(text, timestamptz),
  reaper.stamp_boot(text),
  reaper.stamp_namespace(text),
  reaper.place_is_gone(text, timestamptz, text),
  reaper.age_s(timestamptz, timestamptz),
  reaper.find_token(text),
  reaper.worker_token(text),
  reaper.worker_process(text),
  reaper.worker_trouble(text),
  reaper.token_boot(text),
  reaper.names_workers(),
  reaper.prune_runs(integer),
  reaper.note_clock_step(bigint, timestamptz, timestamptz, double precision),
  reaper.record_sweep(timestamptz, jsonb),
  reaper.note_sweep(timestamptz, jsonb),
  reaper.note_claim_trouble(text, text, text, text, boolean, bigint, text, integer),
  reaper.announce_lease_worker(text),
  reaper.lease_block_on(text, text),
  reaper.record_lease_reclaim(text, text, text, bigint, text, text, timestamptz, double precision, text, jsonb, text)
to reaper;
