-- Run after every migration and adapter: what each role may do, whole, so that nothing an adapter or a default
-- privilege granted stays.
revoke all on schema reaper from public, reaper, reaper_probe;
revoke all on all tables in schema reaper from public, reaper, reaper_probe;
revoke all on all sequences in schema reaper from public, reaper, reaper_probe;
revoke all on all routines in schema reaper from public, reaper, reaper_probe;

grant usage on schema reaper to reaper, reaper_probe;

grant select on reaper.running_job, reaper.examinable_run to reaper, reaper_probe;
grant execute on function
  reaper.now(),
  reaper.report_host(text, text, text, text, boolean, timestamptz, double precision, double precision, integer, integer,
                     integer, text),
  reaper.boots(text[])
to reaper, reaper_probe;

grant select on reaper.control, reaper.control_change, reaper.hold, reaper.ledger, reaper.observation,
  reaper.notification, reaper.host_probe, reaper.gone_host, reaper.clock_step, reaper.last_sweep,
  reaper.lease_reclaim, reaper.lease_worker, reaper.pruned, reaper.host_boot, reaper.gone_boot, reaper.replaced_host,
  reaper.host_warning, reaper.claim_total, reaper.status to reaper;
grant execute on function
  reaper.has_stages(),
  reaper.records_exit_codes(),
  reaper.hold_on(text, text, text, text),
  reaper.block_on(text, text, text, text),
  reaper.claim(text, text, text, text, text, integer, text, text, jsonb, bigint, text, integer, text, text, text),
  reaper.owe_backstop_alert(text, text, text, text, text, text, text),
  reaper.take_for_telegram(bigint),
  reaper.note_delivery(bigint, text, text),
  reaper.settle_notification(bigint, text),
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
  reaper.note_clock_step(bigint, timestamptz, timestamptz, double precision),
  reaper.record_sweep(timestamptz, jsonb),
  reaper.announce_lease_worker(text),
  reaper.lease_block_on(text, text),
  reaper.record_lease_reclaim(text, text, text, bigint, text, text, timestamptz, double precision, text, jsonb, text)
to reaper;
