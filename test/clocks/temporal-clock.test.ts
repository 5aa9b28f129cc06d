import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LivenessState } from '../../src/domain/liveness.js';
import { bundleSource } from '../../src/worker/bundle.js';
import type { WatchState } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

const MINUTES_MS = 10 * 60_000;
const LONG_S = 120;

let folder: string;
let bundlePath: string;
let db: TestDatabase;
let reaper: TestReaper | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'job-reaper-clock-'));
  bundlePath = join(folder, 'bundle.js');
  const { code } = await bundleWorkflowCode({
    ...bundleSource,
    workflowInterceptorModules: [fileURLToPath(new URL('./step-temporal-clock.ts', import.meta.url))],
    logger: new DefaultLogger('ERROR'),
  });
  await writeFile(bundlePath, code);
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await reaper?.stop();
  reaper = undefined;
  await endProcesses();
  await db.drop();
});

/** Starts a watch over a run whose process looks like this, and lets it look once before Temporal's clock steps. */
async function startWatch(state: LivenessState, stepMs: number) {
  const agent = startProcess();
  const run = await insertRunningJob(db.admin, { id: 'j1', ...agent });
  let looks = 0;
  reaper = await startReaper(db, {
    bundlePath,
    // What is defunct is believed to be dead once its grace is over.
    policy: { intervalS: LONG_S, finalizeGraceS: LONG_S, deadTicks: state === 'defunct' ? 1 : 2 },
    jobs: (real) => ({
      // No sweep pokes the watch: only the test does.
      scan: async (...args) => ({
        ...(await real.scan(...args)),
        runs: [],
        symptoms: { items: [], next: null },
      }),
    }),
    probes: (real) => ({
      async probeRun(...args) {
        looks += 1;
        if (state === 'alive') return real.probeRun(...args);
        return { state, proven: false, evidence: `looked ${state}` };
      },
      examineHost: async (...args) => ({ ...(await real.examineHost(...args)), symptoms: [] }),
    }),
  });
  const { client, names, watch } = reaper;
  const handle = watch(run);
  await client.workflow.start('watchJob', {
    workflowId: names.watchId(run),
    taskQueue: names.workflowQueue,
    memo: { stepMs },
    args: [{ jobId: run.jobId, runKey: run.runKey, poke: { why: 'symptom', park: true } }],
  });
  const query = () => handle.query<WatchState>('watch');
  const rest = state === 'alive' ? 'parked' : 'waiting';
  const isAtRest = async (after: number) => looks >= after && (await query()).phase === rest;
  await eventually('the first look', () => isAtRest(1));
  return {
    query,
    look: async () => {
      const before = looks;
      await handle.signal('poke', { why: 'look', park: true });
      await eventually('another look', () => isAtRest(before + 1));
    },
  };
}

/** What the story's last line says of the time, against ours. */
async function offMs(query: () => Promise<WatchState>): Promise<number> {
  const at = (await query()).story.at(-1)?.split(' ')[0] ?? '';
  return Date.parse(at) - Date.now();
}

describe.each([
  ['forward', MINUTES_MS],
  ['back', -MINUTES_MS],
])("Temporal's clock put %s by minutes", (_, stepMs) => {
  it('cuts no grace of a defunct process short', async () => {
    const { look, query } = await startWatch('defunct', stepMs);
    for (let n = 0; n < 3; n += 1) await look();
    expect(Math.abs((await offMs(query)) - stepMs)).toBeLessThan(60_000);
    expect((await readJob(db.admin, 'j1'))['status']).toBe('running');
  });

  it('counts no second death before an interval is over', async () => {
    const { look, query } = await startWatch('dead', stepMs);
    for (let n = 0; n < 3; n += 1) await look();
    expect(await query()).toMatchObject({ streak: 1 });
    expect((await readJob(db.admin, 'j1'))['status']).toBe('running');
  });

  it('reaps no live run', async () => {
    const { look } = await startWatch('alive', stepMs);
    for (let n = 0; n < 3; n += 1) await look();
    expect((await readJob(db.admin, 'j1'))['status']).toBe('running');
  });
});
