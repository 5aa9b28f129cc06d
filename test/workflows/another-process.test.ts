import { afterEach, beforeEach, expect, it } from 'vitest';
import type { WatchState } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

let db: TestDatabase;
let reaper: TestReaper;
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await reaper.stop();
  await endProcesses();
  await db.drop();
});

it('a run whose row names another dead process is counted from zero: that one has not been seen twice', async () => {
  const first = startProcess();
  const second = startProcess();
  await Promise.all([first.kill(), second.kill()]);
  const ref = await insertRunningJob(db.admin, { id: 'j1', host: 'host-1', ...first });
  reaper = await startReaper(db, { policy: { intervalS: 1, deadTicks: 1_000 } });
  const streak = async () => (await reaper.watch(ref).query<WatchState>('watch')).streak;
  await eventually('some dead looks', async () => (await streak()) >= 3);

  await db.admin.query('update jobs set pid = $1, process_identity = $2', [
    second.pid,
    second.processIdentity,
  ]);
  await eventually('a fresh count', async () => (await streak()) < 3);
  expect(await streak()).toBeGreaterThan(0);
});
