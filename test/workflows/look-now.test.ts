import { WorkflowUpdateFailedError } from '@temporalio/client';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lookUpdate } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper, type TestReaperOptions } from '../support/reaper.js';
import { insertRunningJob } from '../support/rows.js';

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

async function start(options: TestReaperOptions = {}): Promise<void> {
  reaper = await startReaper(db, { ...options, policy: { intervalS: 600, watchAllLimit: 0 } });
}

const look = (job_id: unknown) =>
  reaper.client.workflow
    .getHandle(reaper.names.reaper)
    .executeUpdate(lookUpdate, { args: [{ job_id: job_id as string }] });
const refusal = (job_id: unknown) =>
  look(job_id).then(
    () => 'no refusal',
    (error: unknown) => (error instanceof WorkflowUpdateFailedError ? error.cause?.message : String(error)),
  );

it('returns what the host sees of the process of the current run', async () => {
  await start();
  // It sweeps once at the start.
  await reaper.sweepNow();
  const [live, dead] = [startProcess(), startProcess()];
  const { runKey } = await insertRunningJob(db.admin, { id: 'live', ...live });
  await insertRunningJob(db.admin, { id: 'dead', ...dead });
  await dead.kill();
  expect(await look('live')).toMatchObject({ runKey, seen: { state: 'alive', proven: true }, why: null });
  expect(await look('dead')).toMatchObject({ seen: { state: 'dead' }, why: null });
  expect(await reaper.openWatches()).toEqual([]);
});

it('says why there is no answer', async () => {
  await start({
    probes: (real) => ({
      probeRun(...args) {
        if (args[1].pid === 7) throw new Error('no /proc');
        return real.probeRun(...args);
      },
    }),
  });
  await insertRunningJob(db.admin, { id: 'far', host: 'host-9' });
  await insertRunningJob(db.admin, { id: 'nowhere', host: null });
  await insertRunningJob(db.admin, { id: 'failing', pid: 7 });
  const [far, nowhere, failing] = await Promise.all(['far', 'nowhere', 'failing'].map(look));
  expect(far).toMatchObject({ seen: null, why: 'no probe answers on host host-9' });
  expect(nowhere).toMatchObject({ seen: null, why: 'its row names no host that can be asked' });
  expect(failing).toMatchObject({ seen: null, why: 'no /proc' });
});

it('refuses what is no running job, and ends if Postgres does not answer', async () => {
  let isAway = false;
  await start({
    jobs: (real) => ({
      findRun(...args) {
        if (isAway) throw new Error('no database');
        return real.findRun(...args);
      },
      observeRun(...args) {
        if (isAway) throw new Error('no database');
        return real.observeRun(...args);
      },
    }),
  });
  expect(await refusal('j1')).toContain('got no such running job');
  for (const bad of [undefined, '', 7, 'x'.repeat(201), 'a\0b']) {
    expect(await refusal(bad)).toContain('look: expected {"job_id": "…"}');
  }
  isAway = true;
  expect(await refusal('j1')).toContain('got no answer of Postgres');
});
