import type { temporal } from '@temporalio/proto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Policy } from '../../src/domain/types.js';
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

async function killedJob(policy: Partial<Policy> = {}) {
  const agent = startProcess();
  const run = await insertRunningJob(db.admin, { id: 'j1', ...agent });
  reaper = await startReaper(db, { policy });
  await reaper.sweepNow();
  await agent.kill();
  await reaper.watch(run).result();
  return { run, pid: agent.pid };
}

it('shows the story of a watch: summaries, details, search attributes', async () => {
  const { run, pid } = await killedJob();
  const id = reaper.names.watchId(run);
  expect(await summaries(id)).toEqual([
    'Read the run',
    `Probe pid ${pid} on host-1`,
    'Deferred: dead',
    'Read the run',
    `Probe pid ${pid} on host-1`,
    `Claim: queued (dead pid=${pid})`,
  ]);
  const { currentDetails } = await metadata(id);
  const story = currentDetails.split('\n').flatMap((line) => /^- \S+ \S+ (.*)$/.exec(line)?.[1] ?? []);
  expect(story).toEqual([
    expect.stringMatching(/^\*\*parked\*\*: the run shows no symptom/),
    expect.stringMatching(/^\*\*seen\*\* dead: pid \d+ absent/),
    expect.stringMatching(/^\*\*deferred\*\*: pid=\d+ dead \(streak 1 of 2\)$/),
    expect.stringMatching(/^\*\*seen\*\* dead/),
    expect.stringMatching(/^\*\*proven\*\*: dead in 2 looks in a row, at least 0\.3s apart/),
    `**decided**: requeue, because pid ${pid} is dead`,
    `**done**: requeued (dead pid=${pid})`,
  ]);
  expect(currentDetails).toContain(`**Job** \`j1\`, run \`${run.runKey}\`, agent \`developer\``);
  expect(currentDetails).toContain('**Now**: over');
  expect(currentDetails).toContain('`job-reaper explain j1`');
  const description = await reaper.watch(run).describe();
  expect(await description.staticSummary()).toBe('Watch of job j1');
  expect(await description.staticDetails()).toContain(run.runKey);
  const query = `WorkflowId = '${id}' AND ReaperJob = 'j1' AND ReaperHost = 'host-1' AND ReaperOutcome = 'queued'`;
  await eventually(
    'the watch in the list',
    async () => (await reaper.client.workflow.count(query)).count === 1,
  );
});

it('shows the reaper: what every message does, what it saw last, and a summary on each step', async () => {
  // Sweeps that take longer than the interval wait for no timer.
  await killedJob({ intervalS: 3 });
  await eventually('a summary on each step', async () => {
    expect(new Set(await summaries(reaper.names.reaper))).toEqual(
      new Set(['Scan the running jobs', 'Examine host host-1', 'Record the sweep', 'Next sweep']),
    );
    return true;
  });
  await eventually('the page after the claim', async () =>
    (await metadata(reaper.names.reaper)).currentDetails.includes('most recently job `j1` as queued'),
  );
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
    'look',
    'observe',
    'pause',
    'placeFree',
    'reapAnswered',
    'reapNow',
    'release',
    'resume',
    'status',
    'sweepNow',
    'symptoms',
  ]);
  for (const { name, description } of messages)
    expect(description, `description of ${name ?? ''}`).toMatch(/\w/);
  expect(currentDetails).toContain('**Mode**: **active**, dead runs are reaped');
  expect(currentDetails).toContain('| `pause`, `resume` | stop claiming; continue |');
});

it('says what is being watched and why, and who paused it', async () => {
  await insertRunningJob(db.admin, { id: 'healthy', ...startProcess() });
  await insertRunningJob(db.admin, { id: 'finalizing', exitCode: 0, exitedS: 1 });
  await insertRunningJob(db.admin, { id: 'elsewhere', host: 'host-2', pid: 1 });
  reaper = await startReaper(db, { policy: { finalizeGraceS: 3_000 } });
  const page = async () => (await metadata(reaper.names.reaper)).currentDetails;
  await eventually('the watches with their symptoms', async () => {
    const text = await page();
    return (
      text.includes('**Watching**: 3 of at most 500 runs') &&
      text.includes('| `healthy` | `host-1` | no symptom |') &&
      text.includes('| `elsewhere` | `host-2` | unknown: no probe on its host |') &&
      text.includes('| `finalizing` | `host-1` | **its exit code is recorded')
    );
  });
  expect(await page()).toContain('**Hosts**: 1 answered (`host-1`); **no probe** on `host-2`');
  await reaper.handle.signal('pause', { by: 'ada', reason: 'a `look` at | it' });
  await eventually('the pause', async () =>
    (await page()).includes('**paused** by ada: a \\`look\\` at \\| it. Nothing is claimed'),
  );
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

it('starts a watch for ids that workflow ids or search attributes do not accept unchanged', async () => {
  const id = `né/job ${'x'.repeat(190)}`;
  const run = await insertRunningJob(db.admin, { id, host: 'hôte/1', exitCode: 1, exitedS: 60 });
  reaper = await startReaper(db, { hosts: ['hôte/1'] });
  await eventually('the watch', () => reaper.watch(run).describe());
  expect(await reaper.watch(run).result()).toMatchObject({ outcome: 'queued' });
  expect(reaper.names.watchId(run)).toMatch(/^[A-Za-z0-9._/-]+$/);
});
