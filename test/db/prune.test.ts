import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { prune } from '../../src/db/prune.js';
import { claimRun, countLedger } from '../support/claims.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob } from '../support/rows.js';

const DAY_S = 86_400;
let db: TestDatabase;

beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(() => db.clean());

/** Ends a run, and lets its claim be that old. */
async function claimed(id: string, days: number, outcome: 'queued' | 'failed' = 'queued'): Promise<void> {
  const run = await insertRunningJob(db.admin, { id, agent: id.replace(/-\d$/, '') });
  expect(await claimRun(db.reaper, run, { outcome, error: 'reaped' })).toMatchObject({ result: 'won' });
  await db.admin.query(
    'update reaper.ledger set claimed_at = claimed_at - make_interval(days => $2) where job_id = $1',
    [id, days],
  );
}

const ledgerJobs = async () =>
  (await db.admin.query<{ job_id: string }>('select job_id from reaper.ledger order by id')).rows.map(
    (row) => row.job_id,
  );
const totals = async () =>
  (await db.reaper.query('select reaped_total, lease_reclaimed_total, last_reaped from reaper.status'))
    .rows[0] as object;
const claimTotals = async () =>
  (await db.reaper.query<object>('select * from reaper.claim_total order by first_id')).rows;

it('removes old claims and keeps young ones; no total goes backwards', async () => {
  for (const [id, days] of [
    ['old-1', 100],
    ['old-2', 91],
    ['young', 89],
    ['newest', 0],
  ] as const) {
    await claimed(id, days);
  }
  const before = [await totals(), await claimTotals()];
  expect(await prune(db.admin, 90 * DAY_S)).toMatchObject({ claims: 2 });
  expect(await ledgerJobs()).toEqual(['young', 'newest']);
  expect([await totals(), await claimTotals()]).toEqual(before);

  // And once more, on top of what was counted before.
  await claimed('old-3', 200);
  expect(await prune(db.admin, 80 * DAY_S)).toMatchObject({ claims: 1 });
  expect(await prune(db.admin, 80 * DAY_S)).toMatchObject({ claims: 0 });
  expect(await totals()).toMatchObject({ reaped_total: 5 });
  expect(await claimTotals()).toMatchObject([{ agent: 'old', first_id: 1, claims: 3 }, {}, {}]);
});

it('keeps the newest claim, which the status shows', async () => {
  await claimed('only', 400);
  expect(await prune(db.admin, DAY_S)).toMatchObject({ claims: 0 });
  expect(await totals()).toMatchObject({ reaped_total: 1, last_reaped: { job_id: 'only' } });
});

it('keeps a claim whose notification is owed, until it is settled', async () => {
  await claimed('failed', 100, 'failed');
  await claimed('newest', 0);
  expect(await prune(db.admin, 90 * DAY_S)).toMatchObject({ claims: 0 });
  await db.reaper.query(`select reaper.settle_notification(id, 'sent') from reaper.notification`);
  expect(await prune(db.admin, 90 * DAY_S)).toMatchObject({ claims: 1 });
  const { rows } = await db.admin.query('select from reaper.notification');
  expect(rows).toEqual([]);
});

it('keeps a claim whose run is still marked running, as by a launcher that writes without a guard', async () => {
  await claimed('resurrected', 100);
  await claimed('newest', 0);
  const { rows } = await db.admin.query<{ attempts: string; us: string }>(
    `select split_part(run_key, '-', 1) as attempts, split_part(run_key, '-', 2) as us from reaper.ledger where job_id = 'resurrected'`,
  );
  await db.admin.query(
    `update jobs set status = 'running', attempts = $1::int,
            started_at = to_timestamp(0) + $2::bigint * interval '1 microsecond' where id = 'resurrected'`,
    [rows[0]?.attempts, rows[0]?.us],
  );
  expect(await prune(db.admin, 90 * DAY_S)).toMatchObject({ claims: 0 });
  expect(await countLedger(db.admin)).toBe(2);
});

it('removes what belongs to it: observations that are over, alerts, lease reclaims, changes, holds', async () => {
  const open = await insertRunningJob(db.admin, { id: 'open' });
  const old = `reaper.now() - interval '100 days'`;
  await db.admin.query(`
    insert into reaper.observation (observed_at, job_id, run_key, outcome, tier, reason, evidence, became, became_at)
    values (${old}, 'over', '1', 'queued', 1, 'r', '{}', 'reaped', ${old}),
           (${old}, 'over lately', '1', 'queued', 1, 'r', '{}', 'reaped', reaper.now()),
           (${old}, 'open', '${open.runKey}', 'queued', 1, 'r', '{}', null, null);
    insert into reaper.notification (key, kind, job_id, run_key, host, reason, text, due_at, owed, settled_at, settled_as)
    values ('a', 'backstop alive', 'over', '1', null, 'r', 't', ${old}, false, ${old}, 'sent'),
           ('b', 'backstop alive', 'open', '${open.runKey}', null, 'r', 't', ${old}, false, ${old}, 'sent'),
           ('c', 'backstop alive', 'over', '2', null, 'r', 't', ${old}, true, null, null);
    insert into reaper.host_probe (host, missing_since) values ('silent', ${old});
    insert into reaper.notification (key, kind, host, reason, text, due_at, owed, settled_at, settled_as)
    select reaper.silent_host_key(host, missing_since), 'host without probe', host, 'r', 't', ${old}, false, ${old}, 'sent'
      from reaper.host_probe;
    insert into reaper.lease_reclaim (at, key, repo, reason, evidence, by)
    values (${old}, 'k1', 'web', 'r', '{}', 'h'), (reaper.now(), 'k2', 'web', 'r', '{}', 'h');
    delete from reaper.control_change;
    insert into reaper.control_change (at, by, action) values (${old}, 'ada', 'pause'), (reaper.now(), 'ada', 'resume');
    insert into reaper.hold (kind, value, reason, by, until)
    values ('job', 'over', 'r', 'ada', ${old}), ('job', 'open', 'r', 'ada', reaper.now() + interval '1 hour')`);
  const before = await totals();
  const counts = {
    claims: 0,
    observations: 1,
    notifications: 1,
    leaseReclaims: 1,
    controlChanges: 1,
    holds: 1,
    workers: 0,
  };
  expect(await prune(db.admin, 90 * DAY_S, true)).toEqual(counts);
  expect(await prune(db.admin, 90 * DAY_S)).toEqual(counts);
  expect(await totals()).toEqual(before);
  const { rows } = await db.admin.query(
    `select (select array_agg(job_id order by id) from reaper.observation) as observations,
            (select array_agg(key order by id) from reaper.notification where key in ('a', 'b', 'c')) as alerts,
            (select count(*) from reaper.notification where kind = 'host without probe') as hosts`,
  );
  expect(rows).toEqual([{ observations: ['over lately', 'open'], alerts: ['b', 'c'], hosts: 1 }]);
});

it('is not allowed to role reaper, whose audit trail it is, and keeps at least a day', async () => {
  await expect(prune(db.reaper, 90 * DAY_S)).rejects.toThrow('permission denied for function prune');
  await expect(prune(db.admin, DAY_S - 1)).rejects.toThrow(
    'expected at least one day to be kept, got 86399 s',
  );
});

it('counts each claim once when two prune at the same time', async () => {
  for (const id of ['a', 'b', 'c']) await claimed(id, 100);
  await claimed('newest', 0);
  const pruned = await Promise.all([prune(db.admin, 90 * DAY_S), prune(db.admin, 90 * DAY_S)]);
  expect(pruned[0].claims + pruned[1].claims).toBe(3);
  expect(await totals()).toMatchObject({ reaped_total: 4 });
});
