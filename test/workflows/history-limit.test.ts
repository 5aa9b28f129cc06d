import { afterEach, beforeEach, expect, it } from 'vitest';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { askUntilTaken } from '../../src/temporal/ask-until-taken.js';
import { reapNowUpdate, sweepNowUpdate } from '../../src/workflows/messages.js';
import { countCompleted } from '../support/completed.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import { expectHealthy } from '../support/workflow-health.js';

/** Events; more than one sweep takes, so that an execution does not begin behind it. */
const HISTORY_LIMIT = 100;

let db: TestDatabase;
let reaper: TestReaper;
let holdsScans: boolean;
/** The number of the sweep before the one that is held. */
let swept: number;
/** Release what is held: scans, and looks at runs. */
let scans: (() => void)[];
let looks: (() => void)[];

beforeEach(async () => {
  db = await createTestDatabase();
  [scans, looks, holdsScans] = [[], [], false];
  reaper = await startReaper(db, {
    policy: { intervalS: 3_600, watchAllLimit: 0 },
    input: { historyLimit: HISTORY_LIMIT },
    jobs: (real) => ({
      async scan(...args) {
        if (holdsScans) await new Promise<void>((resolve) => scans.push(resolve));
        return real.scan(...args);
      },
      async observeRun(ref) {
        const seen = await real.observeRun(ref);
        await new Promise<void>((resolve) => looks.push(resolve));
        return seen;
      },
    }),
  });
  swept = (await reaper.sweepNow()).number;
});
afterEach(async () => {
  holdsScans = false;
  for (const letGo of [...scans, ...looks]) letGo();
  await reaper.stop();
  await endProcesses();
  await db.drop();
});

/** The reaper, whichever execution is running now. */
const current = () => reaper.client.workflow.getHandle(reaper.names.reaper);

/** Holds a sweep, and lets the history grow past the limit meanwhile: after this sweep the reaper has to continue as new. */
async function fillHistory(): Promise<void> {
  holdsScans = true;
  await current().signal('forceSweep');
  await eventually('a sweep under way', () => scans.length === 1);
  holdsScans = false;
  while ((await current().describe()).historyLength <= HISTORY_LIMIT) await current().signal('forceSweep');
}

async function countAccepted(): Promise<number> {
  const { events } = await current().fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes).length;
}

it('a sweepNow that waits at the limit fails recognisably, and the next execution answers its retry', async () => {
  const { runId } = await current().describe();
  await fillHistory();
  const before = await countAccepted();
  const lost = await current().startUpdate(sweepNowUpdate, { waitForStage: 'ACCEPTED' });
  const asked = askUntilTaken((updateId) => current().executeUpdate(sweepNowUpdate, { updateId }));
  await eventually('both taken', async () => (await countAccepted()) === before + 2);
  scans[0]?.();
  await expect(lost.result()).rejects.toBeInstanceOf(WorkflowUpdateFailedError);
  await expect(lost.result()).rejects.toMatchObject({ cause: { type: 'AcceptedUpdateCompletedWorkflow' } });
  const summary = await asked;
  expect(summary.error).toBeNull();
  expect(summary.number).toBeGreaterThan(swept + 1);
  expect((await current().describe()).runId).not.toBe(runId);
  await expectHealthy(reaper.client, reaper.names.reaper);
});

it('a reapNow that waits at the limit is retried, and learns what its watch did', async () => {
  const agent = startProcess();
  await insertRunningJob(db.admin, { id: 'j1', ...agent });
  await agent.kill();
  const { runId } = await current().describe();
  await fillHistory();
  const asked = askUntilTaken((updateId) =>
    current().executeUpdate(reapNowUpdate, { updateId, args: [{ job_id: 'j1' }] }),
  );
  await eventually('the look', () => looks.length === 1);
  scans[0]?.();
  await eventually('the next execution to be asked', async () => {
    const { runId: now, raw } = await current().describe();
    if (now === runId || raw.pendingWorkflowTask != null) return false;
    return (await countCompleted(current(), 'findRun')) === 1;
  });
  looks[0]?.();
  expect(await asked).toMatchObject({ reaped: true, text: `queued (dead pid=${agent.pid})` });
  expect(await readJob(db.admin, 'j1')).toMatchObject({ status: 'queued' });
  await expectHealthy(reaper.client, reaper.names.reaper);
});
