import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { prune } from '../../src/db/prune.js';
import { recordSweep } from '../../src/db/record-sweep.js';
import { readStatus } from '../../src/db/status.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { OpenTransaction } from '../support/locks.js';

const MANY = 12_000;
const DAY_S = 86_400;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(async () => {
  await db.clean();
  await db.admin.query(`insert into reaper.counted (what) values ('claim'), ('lease reclaim')`);
});
afterAll(() => db.drop());

const CLAIMS = `insert into reaper.ledger (claimed_at, job_id, run_key, agent, outcome, tier, reason, evidence, claimer, workflow_id)
  select reaper.now() - make_interval(days => $2), 'job-' || n || '-' || gen_random_uuid(), '1', case n % 3 when 0 then 'a' when 1 then 'b' end,
         'queued', 1, 'r', '{}', 'c', 'w' from generate_series(1, $1::int) n`;
const addClaims = (count: number, days = 0) => db.admin.query(CLAIMS, [count, days]);
const addReclaims = (count: number, days = 0) =>
  db.admin.query(
    `insert into reaper.lease_reclaim (at, key, repo, reason, evidence, by)
       select reaper.now() - make_interval(days => $2), gen_random_uuid()::text, 'web', 'r', '{}', 'h' from generate_series(1, $1::int)`,
    [count, days],
  );
let sweeps = 0;
const sweep = () => recordSweep(db.reaper, Date.now(), { number: (sweeps += 1), error: null });
const totals = async () => {
  const { reaped_total: claims, lease_reclaimed_total: leases } = await readStatus(db.reaper);
  return { claims, leases };
};
const byAgent = async () =>
  (
    await db.reaper.query<{ agent: string; first_id: number; claims: number }>(
      'select agent, first_id, claims from reaper.claim_total order by first_id',
    )
  ).rows;
const through = async () =>
  (
    await db.admin.query<{ through_id: number }>(`select through_id from reaper.counted order by what`)
  ).rows.map((row) => row.through_id);

it('are the same before and after a sweep has counted them for good, and grow on', async () => {
  await addClaims(MANY);
  await addReclaims(MANY);
  const before = [await totals(), await byAgent()];
  expect(before[0]).toEqual({ claims: MANY, leases: MANY });
  expect(await sweep()).toEqual({ isNew: true, error: null });
  expect(await through()).toEqual([MANY, MANY]);
  expect([await totals(), await byAgent()]).toEqual(before);

  await addClaims(3);
  await addReclaims(2);
  expect(await totals()).toEqual({ claims: MANY + 3, leases: MANY + 2 });
  await sweep();
  expect(await through()).toEqual([MANY, MANY]);
  await addClaims(MANY);
  await sweep();
  expect(await totals()).toEqual({ claims: 2 * MANY + 3, leases: MANY + 2 });
  expect(await byAgent()).toHaveLength(3);
});

it('are counted for good, and pruned, however long the names of agents are', async () => {
  const agent = randomBytes(5_000).toString('hex');
  await addClaims(MANY);
  await addClaims(6, 100);
  await db.admin.query(`update reaper.ledger set agent = $1 where agent = 'a'`, [agent]);
  const before = await byAgent();
  expect(before.map((row) => row.agent)).toContain(agent.slice(0, 200));
  await prune(db.admin, 90 * DAY_S);
  expect(await byAgent()).toEqual(before);
  expect(await sweep()).toEqual({ isNew: true, error: null });
  expect(await byAgent()).toEqual(before);
  expect((await through())[0]).toBeGreaterThanOrEqual(MANY);
});

it('read only what came since', async () => {
  await addClaims(MANY);
  await sweep();
  await db.admin.query('vacuum analyze reaper.ledger');
  const { rows } = await db.admin.query<{ 'QUERY PLAN': string }>('explain select * from reaper.claim_total');
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toContain('Index Scan using ledger_pkey on ledger');
  expect(plan).not.toContain('Seq Scan on ledger');
});

it('wait for a claim that has an older id and is not committed yet', async () => {
  const open = await OpenTransaction.begin(db.admin);
  await open.run(CLAIMS, [1, 0]);
  await addClaims(MANY);
  await sweep();
  expect((await through())[0]).toBe(0);
  expect(await totals()).toMatchObject({ claims: MANY });
  await open.commit();
  expect(await totals()).toMatchObject({ claims: MANY + 1 });
  await sweep();
  expect((await through())[0]).toBe(MANY + 1);
  expect(await totals()).toMatchObject({ claims: MANY + 1 });
});

it('stay when prune removes claims that are counted for good, and others', async () => {
  await addClaims(MANY, 100);
  await addReclaims(MANY, 100);
  await sweep();
  await addClaims(5, 100);
  await addReclaims(4, 100);
  await addClaims(1);
  const before = [await totals(), await byAgent()];
  expect(await prune(db.admin, 90 * DAY_S)).toMatchObject({ claims: MANY + 5, leaseReclaims: MANY + 4 });
  expect([await totals(), await byAgent()]).toEqual(before);
  await addClaims(MANY);
  await sweep();
  expect(await totals()).toEqual({ claims: 2 * MANY + 6, leases: MANY + 4 });
});

it('are not counted while prune is at work, and then only once', async () => {
  await addClaims(MANY, 100);
  await addClaims(1);
  const pruning = await OpenTransaction.begin(db.admin);
  await pruning.run('select reaper.prune($1)', [90 * DAY_S]);
  expect(await sweep()).toEqual({ isNew: true, error: null });
  expect((await through())[0]).toBe(0);
  await pruning.commit();
  await sweep();
  expect(await totals()).toMatchObject({ claims: MANY + 1 });
});

describe('of the crash budget', () => {
  const addDeath = (job: string, planned: string, wrote = planned, days = 0) =>
    db.admin.query(
      `insert into reaper.ledger (claimed_at, job_id, run_key, outcome, tier, reason, evidence, claimer, workflow_id, cause)
       values (reaper.now() - make_interval(days => $4), $1, gen_random_uuid()::text, $3, 1, 'r',
               jsonb_build_object('crashBudget', jsonb_build_object('outcome', $2::text, 'deaths', 3, 'max', 2)), 'c', 'w', 'process')`,
      [job, planned, wrote, days],
    );
  const read = async () => (await readStatus(db.reaper)).crash_budget;

  it('count what it failed and what it could only tell people of, and name the newest', async () => {
    expect(await read()).toEqual({ failed: 0, requeued: 0, last: [] });
    await addClaims(2);
    for (let n = 1; n <= 4; n += 1) await addDeath(`f${n}`, 'failed');
    await addDeath('q', 'queued');
    await addDeath('g', 'failed');
    // Its attempts were used up: the queue's own rule failed it.
    await addDeath('attempts', 'queued', 'failed');
    const { failed, requeued, last } = await read();
    expect([failed, requeued]).toEqual([5, 1]);
    expect(last.map(({ job_id }) => job_id)).toEqual(['g', 'q', 'f4', 'f3', 'f2']);
    expect(last[1]).toEqual({
      job_id: 'q',
      outcome: 'queued',
      deaths: 3,
      max: 2,
      claimed_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
    });
  });

  it('stay when they are counted for good, and when prune removes the claims', async () => {
    await addDeath('old', 'failed', 'failed', 100);
    await addClaims(MANY, 100);
    await sweep();
    expect(await read()).toMatchObject({ failed: 1, requeued: 0 });
    await addDeath('late', 'queued', 'queued', 100);
    await addDeath('new', 'failed');
    const before = await read();
    expect(before).toMatchObject({ failed: 2, requeued: 1 });
    await prune(db.admin, 90 * DAY_S);
    expect(await read()).toEqual({
      ...before,
      last: [expect.objectContaining({ job_id: 'new' }) as object],
    });
    expect(await totals()).toMatchObject({ claims: MANY + 3 });
    await addClaims(MANY);
    await sweep();
    expect(await read()).toMatchObject({ failed: 2, requeued: 1 });
  });

  it('read those claims alone, however long the ledger is', async () => {
    await addClaims(MANY);
    await addDeath('j', 'failed');
    await db.admin.query('vacuum analyze reaper.ledger');
    const { rows } = await db.admin.query<{ 'QUERY PLAN': string }>(
      'explain select crash_budget from reaper.status',
    );
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan.match(/ on ledger /g)).toHaveLength(2);
    expect(plan.match(/ledger_crash_budget_idx on ledger/g)).toHaveLength(2);
  });
});

it('are counted for good in parts, so that no sweep takes longer the longer the ledger is', async () => {
  await addClaims(250_000);
  await sweep();
  expect((await through())[0]).toBe(100_000);
  expect(await totals()).toMatchObject({ claims: 250_000 });
  await sweep();
  await sweep();
  expect((await through())[0]).toBe(250_000);
  expect(await totals()).toMatchObject({ claims: 250_000 });
});
