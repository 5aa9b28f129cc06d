import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RunRef } from '../../src/domain/types.js';
import type { ReaperStatus } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper, type TestReaperOptions } from '../support/reaper.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

let db: TestDatabase;
let reaper: TestReaper;
let examined: string[];
/** Examinations wait for it. */
let gate: Promise<unknown>;

beforeEach(async () => {
  db = await createTestDatabase();
  examined = [];
  gate = Promise.resolve();
});
afterEach(async () => {
  await reaper.stop();
  await endProcesses();
  await db.drop();
});

/** After its first sweep, the reaper does not sweep by itself while a test runs. */
async function start(options: TestReaperOptions = {}): Promise<void> {
  reaper = await startReaper(db, {
    probes: (real) => ({
      async examineHost(...args) {
        examined.push(args[0]);
        await gate;
        return real.examineHost(...args);
      },
    }),
    ...options,
    policy: { intervalS: 600, watchAllLimit: 0, ...options.policy },
  });
  await reaper.sweepNow();
  examined = [];
}

async function deadJob(id: string): Promise<RunRef> {
  const agent = startProcess();
  const ref = await insertRunningJob(db.admin, { id, ...agent });
  await agent.kill();
  return ref;
}

const signal = (input: unknown) => reaper.handle.signal('symptoms', input);
const report = () => signal({ host: 'host-1' });
const lastSweep = async () => (await reaper.handle.query<ReaperStatus>('status')).lastSweep;
const watched = (ref: RunRef) => eventually(`the watch of ${ref.jobId}`, () => reaper.watch(ref).describe());
const examinations = (count: number) => eventually(`${count} examinations`, () => examined.length >= count);

it('examines the reported host alone: no scan, no record', async () => {
  await start({ hosts: ['host-1', 'host-2'] });
  const before = await lastSweep();
  const ref = await deadJob('j1');
  await report();
  await watched(ref);
  expect(examined).toEqual(['host-1']);
  expect((await lastSweep())?.number).toBe(before?.number);
});

it('asks the queue that the report names, and ignores what is no report', async () => {
  await start();
  const ref = await deadJob('j1');
  const bad = [undefined, null, 7, {}, { host: '' }, { host: 7 }, { host: 'ö' }, { host: 'x'.repeat(201) }];
  for (const input of [...bad, { host: 'host-1', queue: 'elsewhere' }, { host: 'host-1', queue: 7 }]) {
    await signal(input);
  }
  await signal({ host: 'host-1', queue: `${reaper.names.reaper}/probe/host-1` });
  await watched(ref);
  expect(examined).toEqual(['host-1']);
});

it('examines once more for all reports that came during an examination', async () => {
  await start();
  let open: (value: unknown) => void = () => undefined;
  gate = new Promise((resolve) => (open = resolve));
  await report();
  await examinations(1);
  for (let n = 0; n < 5; n += 1) await report();
  const ref = await deadJob('j1');
  open(null);
  await watched(ref);
  await examinations(2);
  await reaper.sweepNow();
  // The last one is that of the sweep.
  expect(examined).toEqual(['host-1', 'host-1', 'host-1']);
});

it('does not wait for a sweep that is under way', async () => {
  let open: (value: unknown) => void = () => undefined;
  const held = new Promise((resolve) => (open = resolve));
  let holds = false;
  await start({
    jobs: (real) => ({
      async scan(...args) {
        if (holds) await held;
        return real.scan(...args);
      },
    }),
  });
  holds = true;
  const ref = await deadJob('j1');
  await reaper.handle.signal('forceSweep');
  await report();
  await watched(ref);
  open(null);
});

it.each<[string, (db: TestDatabase) => Promise<unknown>]>([
  ['paused', ({ reaper: pool }) => pool.query(`select reaper.pause('ada', 'r')`)],
  [
    'disabled',
    ({ admin }) => admin.query(`update reaper.control set policy = jsonb_set(policy, '{enabled}', 'false')`),
  ],
])('starts nothing while %s', async (_, block) => {
  await start();
  await block(db);
  await reaper.sweepNow();
  examined = [];
  await deadJob('j1');
  await report();
  // Answered after the signal was handled.
  await lastSweep();
  expect([examined, await reaper.openWatches()]).toEqual([[], []]);
});

it('keeps to the number of places, and leaves the rest to the sweep', async () => {
  await start({ policy: { maxWatches: 1 } });
  const first = await deadJob('j1');
  await report();
  await watched(first);
  await deadJob('j2');
  await report();
  await examinations(2);
  const { waiting, watching } = await reaper.sweepNow();
  expect([waiting, watching]).toEqual([1, 1]);
});

it('survives a probe that fails', async () => {
  await start();
  const ref = await deadJob('j1');
  gate = Promise.reject(new Error('no /proc'));
  gate.catch(() => undefined);
  await report();
  await examinations(1);
  gate = Promise.resolve();
  await eventually('a second report', async () => {
    await report();
    return examined.length >= 2;
  });
  await watched(ref);
});
