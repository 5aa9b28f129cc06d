import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

const SLOW = { intervalS: 3_600 };

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

/** What operators' requests changed, in order: by whom. */
const changes = async () =>
  (
    await db.admin.query<{ by: string }>(
      `select by from reaper.control_change where by like 'op-%' order by id`,
    )
  ).rows.map(({ by }) => by);

/** Lets Postgres answer whoever asks in this name with an error. */
const refuse = (by: string, sqlstate: string) =>
  db.admin.query(`
    create function refuse() returns trigger language plpgsql as
      $$ begin raise exception 'not this one' using errcode = '${sqlstate}'; end $$;
    create trigger refuse before insert on reaper.control_change for each row when (new.by = '${by}') execute function refuse()`);

it('loses none of 50 requests a second, keeps their order, and writes those together that wait', async () => {
  const REQUESTS = 200;
  reaper = await startReaper(db, { policy: SLOW });
  const { handle } = reaper;
  await reaper.sweepNow();
  const sent: string[] = [];
  for (let n = 0; n < REQUESTS; n += 1) {
    const by = `op-${n}`;
    await handle.signal(n % 2 === 0 ? 'pause' : 'resume', { by, reason: 'r' });
    sent.push(by);
    await setTimeout(20);
  }
  await eventually('the last change', async () => (await changes()).length >= REQUESTS);
  expect(await changes()).toEqual(sent);
  const { rows } = await db.admin.query('select paused from reaper.control');
  expect(rows).toEqual([{ paused: false }]);
  const { events } = await handle.fetchHistory();
  const activities = (events ?? []).filter(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'operateAll',
  );
  expect(activities.length).toBeGreaterThan(0);
  expect(activities.length).toBeLessThan(REQUESTS);
});

/** Sends requests while one is being written, so that they wait together. */
async function sendTogether(count: number, options: { loseAnswers?: boolean } = {}): Promise<number[]> {
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  const batches: number[] = [];
  let isLost = options.loseAnswers ?? false;
  reaper = await startReaper(db, {
    policy: SLOW,
    jobs: (real) => ({
      async operateAll(requests) {
        batches.push(requests.length);
        if (requests.length === 1) await held;
        const written = await real.operateAll(requests);
        if (requests.length > 1 && isLost) {
          isLost = false;
          // Somebody else writes before it is tried again.
          await db.reaper.query(`select reaper.resume('op-cli')`);
          throw new Error('the answer was lost');
        }
        return written;
      },
    }),
  });
  await reaper.handle.signal('pause', { by: 'op-0' });
  await eventually('the first request', () => batches.length === 1);
  for (let n = 1; n < count; n += 1) await reaper.handle.signal('pause', { by: `op-${n}` });
  letGo();
  return batches;
}

it('writes all that wait in one activity, also behind one that Postgres refuses for good', async () => {
  await refuse('op-3', '23514');
  const batches = await sendTogether(7);
  await eventually('the last change', async () => (await changes()).includes('op-6'));
  expect(await changes()).toEqual(['op-0', 'op-1', 'op-2', 'op-4', 'op-5', 'op-6']);
  expect(batches).toEqual([1, 6]);
});

it('goes on behind what it has written after a failure in the middle', async () => {
  await refuse('op-3', 'P0001');
  await sendTogether(7);
  await eventually('what comes before', async () => (await changes()).includes('op-2'));
  await db.admin.query('drop trigger refuse on reaper.control_change');
  await eventually('the last change', async () => (await changes()).includes('op-6'));
  expect(await changes()).toEqual(Array.from({ length: 7 }, (_, n) => `op-${n}`));
});

it('writes nothing again over what others wrote since, if its answer was lost', async () => {
  const batches = await sendTogether(3, { loseAnswers: true });
  await eventually('the second try', () => batches.length === 3);
  await reaper?.sweepNow();
  expect(await changes()).toEqual(['op-0', 'op-1', 'op-2', 'op-cli']);
  const { rows } = await db.admin.query('select paused from reaper.control');
  expect(rows).toEqual([{ paused: false }]);
});

it('writes none again if the reaper continued as new while it was written, and others came since', async () => {
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  const ended: number[] = [];
  let calls = 0;
  reaper = await startReaper(db, {
    policy: SLOW,
    // It continues as new after some sweeps, whatever is in flight.
    input: { historyLimit: 100 },
    jobs: (real) => ({
      async operateAll(requests) {
        const call = (calls += 1);
        if (call === 1) await held;
        const written = await real.operateAll(requests);
        ended.push(call);
        return written;
      },
    }),
  });
  const signal = (name: string, by: string) =>
    reaper?.client.workflow.getHandle(reaper.names.reaper).signal(name, { by });
  await signal('pause', 'op-0');
  await eventually('the first attempt', () => calls === 1);
  await eventually('the request in the next execution', async () => {
    await signal('forceSweep', 'op-0');
    return (await changes()).length === 1;
  });
  await signal('resume', 'op-1');
  await eventually('the second request', async () => (await changes()).length === 2);
  letGo();
  await eventually('the end of the first attempt', () => ended.includes(1));
  expect(await changes()).toEqual(['op-0', 'op-1']);
  const { rows } = await db.admin.query('select paused from reaper.control');
  expect(rows).toEqual([{ paused: false }]);
});

it('pauses by a signal in the middle of many repairs, and then claims nothing more', async () => {
  const RUNS = 150;
  for (let n = 0; n < RUNS; n += 1) await insertRunningJob(db.admin, { exitCode: 1, exitedS: 60 });
  reaper = await startReaper(db, { policy: { watchAllLimit: 0 } });
  const claims = async () => (await db.admin.query('select from reaper.ledger')).rowCount ?? 0;
  await eventually('the first claims', async () => (await claims()) > 0);
  await reaper.handle.signal('pause', { by: 'op-1' });
  await eventually('the pause', async () => (await changes()).includes('op-1'));
  const before = await claims();
  expect(before).toBeLessThan(RUNS);
  await reaper.sweepNow();
  await reaper.sweepNow();
  expect(await claims()).toBe(before);
  await reaper.handle.signal('resume', { by: 'op-2' });
  await eventually('all repairs', async () => (await claims()) === RUNS);
});
