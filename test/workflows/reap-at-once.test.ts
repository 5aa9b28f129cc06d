import { afterEach, beforeEach, expect, it } from 'vitest';
import { reapNowUpdate } from '../../src/workflows/messages.js';
import { countCompleted } from '../support/completed.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

let db: TestDatabase;
let reaper: TestReaper;
/** The looks in progress, and how to release one: none ends by itself. */
let looks: number;
let letGo: (() => void)[];

beforeEach(async () => {
  db = await createTestDatabase();
  [looks, letGo] = [0, []];
  reaper = await startReaper(db, {
    policy: { intervalS: 3_600, watchAllLimit: 0 },
    jobs: (real) => ({
      async observeRun(ref) {
        looks += 1;
        const seen = await real.observeRun(ref);
        await new Promise<void>((resolve) => letGo.push(resolve));
        return seen;
      },
    }),
  });
  await reaper.sweepNow();
});
afterEach(async () => {
  letGo.forEach((end) => end());
  await reaper.stop();
  await endProcesses();
  await db.drop();
});

const reapNow = () => reaper.handle.executeUpdate(reapNowUpdate, { args: [{ job_id: 'j1' }] });

/** Waits until the reaper has found the run for this many requests and waits for the watch. */
const found = (requests: number) =>
  eventually(`${requests} requests`, async () => {
    if ((await countCompleted(reaper.handle, 'findRun')) < requests) return false;
    return (await reaper.handle.describe()).raw.pendingWorkflowTask == null;
  });
/** Waits until a look has read the row; it probes once it is released. */
const look = (n: number) => eventually(`look no. ${n}`, () => looks === n && letGo.length === n);

it('two that ask for one live run at once are both told that it is alive', async () => {
  await insertRunningJob(db.admin, { id: 'j1', ...startProcess() });
  const first = reapNow();
  await look(1);
  const second = reapNow();
  await found(2);
  letGo[0]?.();
  const seenAlive = { reaped: false, text: expect.stringContaining('seen alive') as unknown };
  expect(await first).toMatchObject(seenAlive);
  await look(2);
  letGo[1]?.();
  expect(await second).toMatchObject(seenAlive);
});

it('two that ask for one dead run at once are both told that it was reaped', async () => {
  const agent = startProcess();
  await insertRunningJob(db.admin, { id: 'j1', ...agent });
  await agent.kill();
  const asked = [reapNow()];
  await look(1);
  asked.push(reapNow(), reapNow());
  await found(3);
  letGo[0]?.();
  for (const answer of await Promise.all(asked)) {
    expect(answer).toMatchObject({ reaped: true, text: `queued (dead pid=${agent.pid})` });
  }
});

it('one that asks after the process died is not told what a look before it saw', async () => {
  const agent = startProcess();
  await insertRunningJob(db.admin, { id: 'j1', ...agent });
  const first = reapNow();
  await look(1);
  const second = reapNow();
  await found(2);
  letGo[0]?.();
  expect(await first).toMatchObject({
    reaped: false,
    text: expect.stringContaining('seen alive') as unknown,
  });
  await agent.kill();
  await look(2);
  letGo[1]?.();
  expect(await second).toMatchObject({ reaped: true, text: `queued (dead pid=${agent.pid})` });
});
