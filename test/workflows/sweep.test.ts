import { afterEach, beforeEach, expect, it } from 'vitest';
import { setTimeout } from 'node:timers/promises';
import type { WatchState } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
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
  await endProcesses();
  await db.drop();
});

it('repairs the runs of a host while the probe of another host hangs', async () => {
  const agent = startProcess();
  const run = await insertRunningJob(db.admin, { id: 'dead', host: 'host-1', ...agent });
  await agent.kill();
  await insertRunningJob(db.admin, { id: 'hung', host: 'host-2', ...startProcess() });
  let unhang: () => void = () => undefined;
  const hung = new Promise<void>((resolve) => (unhang = resolve));
  reaper = await startReaper(db, {
    // An interval that no test waits for: the sweep is over when the hung probe answers, not before.
    policy: { intervalS: 3_600, deadTicks: 1, watchAllLimit: 0 },
    hosts: ['host-1', 'host-2'],
    probes: (real) => ({
      async examineHost(host, ...rest) {
        if (host === 'host-2') await hung;
        return real.examineHost(host, ...rest);
      },
    }),
  });
  const watch = reaper.watch(run);
  await eventually('the watch', () => watch.describe());
  expect(await watch.result()).toMatchObject({ outcome: 'queued' });
  expect((await db.admin.query('select from reaper.last_sweep')).rowCount).toBe(0);

  unhang();
  await eventually(
    'the end of that sweep',
    async () => (await db.admin.query('select from reaper.last_sweep')).rowCount === 1,
  );
});

it('begins the next sweep without a timer when it is already due', async () => {
  reaper = await startReaper(db, {
    policy: { intervalS: 0.1 },
    jobs: (real) => ({
      async scan(after) {
        await setTimeout(200);
        return real.scan(after);
      },
    }),
  });
  for (let n = 0; n < 3; n += 1) await reaper.sweepNow();
  const { events } = await reaper.handle.fetchHistory();
  expect(events?.filter(({ timerStartedEventAttributes }) => timerStartedEventAttributes)).toEqual([]);
});

it('never has more open watches than the limit, however many hosts answer at once', async () => {
  const hosts = ['host-1', 'host-2', 'host-3'];
  for (const host of hosts) {
    for (let n = 0; n < 4; n += 1) {
      const agent = startProcess();
      await insertRunningJob(db.admin, { id: `${host}-${n}`, host, ...agent });
      await agent.kill();
    }
  }
  reaper = await startReaper(db, {
    policy: { watchAllLimit: 0, maxWatches: 4, deadTicks: 1_000, intervalS: 60 },
    hosts,
  });
  expect(await reaper.sweepNow()).toMatchObject({ symptoms: 12, watching: 4 });
  expect(await reaper.openWatches()).toHaveLength(4);
});

it('does not wait out the grace of a defunct process that was collected meanwhile', async () => {
  const agent = startProcess();
  const run = await insertRunningJob(db.admin, { id: 'j1', ...agent });
  let isDefunct = true;
  reaper = await startReaper(db, {
    policy: { finalizeGraceS: 3_600 },
    probes: (real) => ({
      async examineHost(...args) {
        const { symptoms, ...rest } = await real.examineHost(...args);
        return { ...rest, symptoms: symptoms.map((s) => (isDefunct ? { ...s, symptom: 'defunct' } : s)) };
      },
      async probeRun(...args) {
        return isDefunct ? { state: 'defunct', proven: false, evidence: 'exited' } : real.probeRun(...args);
      },
    }),
  });
  await agent.kill();
  const watch = reaper.watch(run);
  await eventually('a watch that waits for the grace', async () => {
    const { phase, story } = await watch.query<WatchState>('watch');
    return phase === 'waiting' && story.at(-1)?.includes('defunct');
  });
  isDefunct = false;
  expect(await watch.result()).toMatchObject({ outcome: 'queued' });
});
