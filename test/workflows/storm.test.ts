import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { countClaimed, insertManyRuns } from '../support/many-runs.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { eventually } from '../support/wait.js';

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

const allOf = (count: number) =>
  eventually('the repair of all', async () => (await countClaimed(db.admin)).runs === count, 110_000);

it('repairs 500 runs that die at once, each exactly once, by a host watch', async () => {
  // A plan that was made for an empty ledger must not last.
  await db.admin.query('vacuum analyze');
  const processes = Array.from({ length: 20 }, startProcess);
  await insertManyRuns(db.admin, { count: 500, processes });
  reaper = await startReaper(db, { policy: { intervalS: 1, batchAbove: 25 } });
  expect(await reaper.sweepNow()).toMatchObject({ running: 500, symptoms: 0, hostWatches: 0 });
  await Promise.all(processes.map((process) => process.kill()));
  await allOf(500);
  expect(await countClaimed(db.admin)).toEqual({ claims: 500, runs: 500 });
  const { rows } = await db.admin.query<{ claims: number }>(
    `select count(*) as claims from reaper.ledger where workflow_id = $1`,
    [reaper.names.hostWatchId('host-1')],
  );
  expect(rows[0]?.claims).toBeGreaterThan(250);
    console.log(
      'EV',
      (Number(e.eventTime?.seconds) * 1000 + Number(e.eventTime?.nanos) / 1e6 - t0).toFixed(0),
      e.eventType,
      e.activityTaskScheduledEventAttributes?.activityType?.name ?? '',
      e.activityTaskFailedEventAttributes?.failure?.message ?? '',
    );
});
