import { ApplicationFailure } from '@temporalio/activity';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { WatchState } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { createHold } from '../support/hold.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

let db: TestDatabase;
let reaper: TestReaper | undefined;

beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await reaper?.stop();
  reaper = undefined;
  await db.drop();
});

const SLOW = { intervalS: 3_600 };
const announce = () => db.reaper.query(`select reaper.announce_lease_worker('host-1')`);

it('reclaims leases although the scan fails, and scans although they cannot be reclaimed', async () => {
  await announce();
  let reclaims = 0;
  let isScanAway = false;
  let areLeasesAway = false;
  reaper = await startReaper(db, {
    policy: SLOW,
    jobs: (real) => ({
      scan: async (...args) => {
        if (isScanAway) throw ApplicationFailure.nonRetryable('no scan');
        // On the queue of the test's own worker, because the lease queue has none.
        const found = await real.scan(...args);
        return { ...found, leaseQueue: found.leaseQueue && (reaper?.names.workflowQueue ?? null) };
      },
      reclaimLeases: () => {
        if (areLeasesAway) throw ApplicationFailure.nonRetryable('no folder');
        reclaims += 1;
        return Promise.resolve({ reclaimed: 1, trouble: [] });
      },
    }),
  });
  expect(await reaper.sweepNow()).toMatchObject({ error: null, leasesReclaimed: 1 });
  isScanAway = true;
  const before = reclaims;
  expect(await reaper.sweepNow()).toMatchObject({ error: 'no scan', leasesReclaimed: 1 });
  expect(reclaims).toBe(before + 1);

  isScanAway = false;
  areLeasesAway = true;
  await insertRunningJob(db.admin, { id: 'j1', exitCode: 1, exitedS: 60 });
  expect(await reaper.sweepNow()).toMatchObject({
    error: null,
    symptoms: 1,
    leaseTrouble: ['leases could not be looked after: no folder'],
  });
});

it('sends notifications and reclaims leases although a row makes the view of running jobs raise', async () => {
  await announce();
  await db.admin.query(`
    insert into reaper.notification (key, kind, reason, text, due_at) values ('k', 'host without probe', 'r', 't', reaper.now());
    insert into jobs (id, status) values ('odd', 'running');
    create or replace function public.odd(text) returns text language sql volatile as $$ select ('x' || $1)::bigint::text $$;`);
  const { rows } = await db.admin.query<{ sql: string }>(
    `select pg_get_viewdef('reaper.running_job'::regclass) as sql`,
  );
  await db.admin.query(
    `create or replace view reaper.running_job as ${(rows[0]?.sql ?? '').replace(/j\.host,?/, 'public.odd(j.id) as host,')}`,
  );
  await db.admin.query('grant execute on function public.odd(text) to public');
  reaper = await startReaper(db, { policy: SLOW });
  const { error, leaseTrouble } = await reaper.sweepNow();
  expect(error).toContain('running jobs: invalid input syntax for type bigint: "xodd"');
  expect(leaseTrouble).toEqual(['no worker with MERGE_LEASE_DIR answered']);
  await eventually(
    'the notification settled',
    async () => (await db.admin.query('select from reaper.notification where owed')).rowCount === 0,
  );
  // And the failed sweep is recorded, so that it does not look like one that never came.
  const { rows: recorded } = await db.admin.query<{ error: string }>(
    `select summary ->> 'error' as error from reaper.last_sweep`,
  );
  expect(recorded[0]?.error).toContain('invalid input syntax');
});

it('tells a host whose probe fails, with the cause, from one that nobody polls for', async () => {
  for (const host of ['host-1', 'host-2', 'host-3', 'host-4']) {
    await insertRunningJob(db.admin, { id: `on-${host}`, host });
  }
  const { pass, letGo } = createHold();
  reaper = await startReaper(db, {
    hosts: ['host-1', 'host-2', 'host-3'],
    probes: (real) => ({
      async examineHost(host, ...rest) {
        if (host === 'host-2') throw new Error('permission denied for view examinable_run');
        if (host === 'host-3') await pass;
        return real.examineHost(host, ...rest);
      },
    }),
  });
  // At an interval below five seconds the time to take a task and the time to finish it end together.
  const { sweepNow } = reaper;
  try {
    await eventually('the trouble of each host', async () => {
      const summary = await sweepNow();
      expect(summary.hostsWithoutProbe).toContain('host-4');
      expect(summary.hostsFailing).not.toHaveProperty('host-4');
      // On a busy machine any of them may be late once.
      expect(summary).toMatchObject({
        hostsAnswered: ['host-1'],
        hostsWithoutProbe: ['host-4'],
        hostsFailing: {
          'host-2': 'permission denied for view examinable_run',
          'host-3': 'it was asked and did not answer in time',
        },
      });
      return true;
    });
  } finally {
    letGo();
  }
  const { rows } = await db.reaper.query('select hosts_without_probe, hosts_failing from reaper.status');
  expect(rows).toMatchObject([
    { hosts_without_probe: ['host-4'], hosts_failing: { 'host-2': expect.anything() as unknown } },
  ]);
});

it('does not count a sweep or a claim again whose result was lost, and does not fail a sweep without the status', async () => {
  const run = await insertRunningJob(db.admin, { id: 'j1', exitCode: 1, exitedS: 60 });
  let lost = 0;
  reaper = await startReaper(db, {
    policy: SLOW,
    jobs: (real) => ({
      async claim(...args) {
        const result = await real.claim(...args);
        lost += 1;
        if (lost === 1) throw new Error('the result was lost');
        return result;
      },
    }),
  });
  const watch = reaper.watch(run);
  await eventually('the watch', () => watch.describe());
  expect(await watch.result()).toMatchObject({ outcome: 'queued' });
  expect(lost).toBe(2);
  expect(reaper.log.lines.filter((line) => line.includes('reaped -> queued'))).toHaveLength(1);
  expect(await reaper.counted('job_reaper_claims_total', { result: 'won' })).toBe(1);

  await db.admin.query('revoke select on reaper.status from reaper');
  const before = await reaper.counted('job_reaper_sweeps_total', { result: 'ok' });
  expect(await reaper.sweepNow()).toMatchObject({ error: null });
  expect(await reaper.counted('job_reaper_sweeps_total', { result: 'ok' })).toBe(before + 1);
  expect(await reaper.counted('job_reaper_sweeps_total', { result: 'failed' })).toBe(0);
});

it('wakes a watch that waits out the grace when the exit record is written again', async () => {
  const run = await insertRunningJob(db.admin, { id: 'j1', startedS: 4_000, exitCode: 1, exitedS: 0 });
  reaper = await startReaper(db, { policy: { finalizeGraceS: 3_000, maxRunningS: 7_200 } });
  const watch = reaper.watch(run);
  const looks = async () => {
    const { events } = await watch.fetchHistory();
    return (events ?? []).filter(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'observeRun',
    ).length;
  };
  await eventually('a watch that waits', async () => {
    const { phase } = await watch.query<WatchState>('watch');
    return phase === 'waiting';
  });
  const before = await looks();
  for (let n = 0; n < 3; n += 1) await reaper.sweepNow();
  // The same record says nothing new.
  expect(await looks()).toBe(before);
  await db.admin.query(`update agent_runs set exit_code = 3, finished_at = reaper.now() - interval '1 h'`);
  expect(await watch.result()).toMatchObject({ outcome: 'queued', reason: 'exit=3' });
});
