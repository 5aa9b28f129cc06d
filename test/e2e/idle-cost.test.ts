import { afterEach, beforeEach, expect, it } from 'vitest';
import { countRowWrites } from '../../bench/support/row-writes.js';
import { insertRunningJobs } from '../../bench/support/running-jobs.js';
import { readSweepCosts, type SweepCost } from '../../bench/support/sweep-costs.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { eventually } from '../support/wait.js';

const HOST = 'host-1';
const SWEEPS = 7;
/** Seconds. Long enough that a sweep ends before the next one is due, even on a busy machine. */
const INTERVAL_S = 2;

let db: TestDatabase;
let reaper: TestReaper | undefined;

beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await reaper?.stop();
  reaper = undefined;
  await endProcesses();
  await db.drop();
});

it('a sweep without work costs the same with 10 and with 10,000 running jobs, and writes to none', async () => {
  const agents = [startProcess(), startProcess()];
  await insertRunningJobs(db.admin, { prefix: 'few', count: 10, host: HOST, agents });
  const few = await sweepAtRest();
  await insertRunningJobs(db.admin, { prefix: 'more', count: 9_990, host: HOST, agents });
  // Autovacuum would have done this long ago if the table had not just been filled.
  await db.admin.query('analyze');
  const many = await sweepAtRest();

  expect(many.events).toBe(few.events);
  // Scan, examine the one host, record, wait.
  expect([few.actions, many.actions]).toEqual([4, 4]);
  expect(Math.abs(many.bytes / few.bytes - 1)).toBeLessThan(0.1);

  // Each job and its agent run were inserted, which shows that these counters count, and nothing came after that.
  expect(await countRowWrites(db.admin)).toEqual({ inserted: 20_000, updated: 0, deleted: 0 });
});

/**
 * The cost of a regular sweep, after those that fill caches. Most sweeps must cost the same: on a busy machine, one may start
 * late, or find a host that is too busy to answer.
 */
async function sweepAtRest(): Promise<SweepCost> {
  reaper = await startReaper(db, { policy: { intervalS: INTERVAL_S, watchAllLimit: 0 }, hosts: [HOST] });
  const { handle } = reaper;
  const first = await readSweepNumber();
  await eventually(`${SWEEPS} sweeps`, async () => (await readSweepNumber()) >= first + SWEEPS + 3);
  const costs = readSweepCosts(await handle.fetchHistory()).slice(-SWEEPS);
  await reaper.stop();
  reaper = undefined;
  expect(costs).toHaveLength(SWEEPS);
  const alike = (cost: SweepCost) => costs.filter(({ events }) => events === cost.events).length;
  const usual = costs.find((cost) => alike(cost) > SWEEPS / 2);
  if (usual === undefined) throw new Error(`Expected most sweeps alike, got ${JSON.stringify(costs)}`);
  return usual;
}

async function readSweepNumber(): Promise<number> {
  const { rows } = await db.admin.query<{ number: number }>(
    `select (summary ->> 'number')::integer as number from reaper.last_sweep`,
  );
  return rows[0]?.number ?? 0;
}
