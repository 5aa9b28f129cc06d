import type { temporal } from '@temporalio/proto';
import { afterEach, beforeEach, expect, it } from 'vitest';
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

/** The summaries of a workflow's activities and timers, as its history keeps them. */
async function summaries(workflowId: string): Promise<(string | null)[]> {
  const { events } = await reaper.client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? [])
    .filter((event) => event.activityTaskScheduledEventAttributes ?? event.timerStartedEventAttributes)
    .map(({ userMetadata }) => {
      const data = userMetadata?.summary?.data;
      return data ? (JSON.parse(new TextDecoder().decode(data)) as string) : null;
    });
}

async function metadata(workflowId: string): Promise<temporal.api.sdk.v1.WorkflowMetadata> {
  return reaper.client.workflow
    .getHandle(workflowId)
    .query<temporal.api.sdk.v1.WorkflowMetadata>('__temporal_workflow_metadata');
}

async function killedJob() {
  const agent = startProcess();
  const run = await insertRunningJob(db.admin, { id: 'j1', ...agent });
  reaper = await startReaper(db);
  await reaper.sweepNow();
  await agent.kill();
  await reaper.watch(run).result();
  return { run, pid: agent.pid };
}

it('tells the story of a watch: summaries, details, search attributes', async () => {
  const { run, pid } = await killedJob();
  const id = reaper.names.watchId(run);
  expect(await summaries(id)).toEqual([
    'Read the run afresh',
    `Probe pid ${pid} on host-1`,
    'Deferred: dead',
    'Read the run afresh',
    `Probe pid ${pid} on host-1`,
    `Claim: queued (dead pid=${pid})`,
  ]);
  const { currentDetails } = await metadata(id);
  for (const word of [
    'parked',
    'seen dead',
    '(streak 1/2), deferring',
    'decided: dead pid=',
    'done: queued',
  ]) {
    expect(currentDetails).toContain(word);
  }
  const description = await reaper.watch(run).describe();
  expect(await description.staticSummary()).toBe('Watch of job j1');
  expect(await description.staticDetails()).toContain(run.runKey);
  const query = `WorkflowId = '${id}' AND ReaperJob = 'j1' AND ReaperHost = 'host-1' AND ReaperOutcome = 'queued'`;
  await eventually(
    'the watch in the list',
    async () => (await reaper.client.workflow.count(query)).count === 1,
  );
});

it('tells the reaper: what every message does, what it saw last, and a summary on each step', async () => {
  await killedJob();
  // On a busy machine sweeps may be overdue at first, and then wait for no timer.
  await eventually('a summary on each step', async () => {
    expect(new Set(await summaries(reaper.names.reaper))).toEqual(
      new Set(['Scan the running jobs', 'Examine host host-1', 'Record the sweep', 'Next sweep']),
    );
    return true;
  });
  const { definition, currentDetails } = await metadata(reaper.names.reaper);
  const messages = [
    ...(definition?.signalDefinitions ?? []),
    ...(definition?.updateDefinitions ?? []),
    ...(definition?.queryDefinitions ?? []),
  ].filter(({ name }) => !name?.startsWith('__'));
  expect(messages.map(({ name }) => name).sort()).toEqual([
    'activate',
    'forceSweep',
    'hold',
    'observe',
    'pause',
    'reapAnswered',
    'reapNow',
    'release',
    'resume',
    'status',
    'sweepNow',
  ]);
  for (const { name, description } of messages)
    expect(description, `description of ${name ?? ''}`).toMatch(/\w/);
  expect(currentDetails).toContain('**Mode**: active');
  expect(currentDetails).toContain('send the signal `pause`');
});

it('does without search attributes where they are switched off', async () => {
  const run = await insertRunningJob(db.admin, { id: 'j1', exitCode: 1, exitedS: 60 });
  reaper = await startReaper(db, { policy: { searchAttributes: false } });
  await eventually('the watch', () => reaper.watch(run).describe());
  await reaper.watch(run).result();
  const { typedSearchAttributes } = await reaper.watch(run).describe();
  const names = typedSearchAttributes.getAll().map(({ key }) => key.name);
  expect(names.filter((name) => name.startsWith('Reaper'))).toEqual([]);
});

it('starts a watch for ids that no workflow id or search attribute takes as they are', async () => {
  const id = `né/job ${'x'.repeat(190)}`;
  const run = await insertRunningJob(db.admin, { id, host: 'hôte/1', exitCode: 1, exitedS: 60 });
  reaper = await startReaper(db, { hosts: ['hôte/1'] });
  await eventually('the watch', () => reaper.watch(run).describe());
  expect(await reaper.watch(run).result()).toMatchObject({ outcome: 'queued' });
  expect(reaper.names.watchId(run)).toMatch(/^[A-Za-z0-9._/-]+$/);
});
