import { temporal } from '@temporalio/proto';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ReaperStatus } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import { expectHealthy, failedTasks } from '../support/workflow-health.js';

const { UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED } =
  temporal.api.enums.v1.UpdateWorkflowExecutionLifecycleStage;

let db: TestDatabase;
let reaper: TestReaper;

beforeEach(async () => {
  db = await createTestDatabase();
  reaper = await startReaper(db);
});
afterEach(async () => {
  await reaper.stop();
  await endProcesses();
  await db.drop();
});

const SIGNALS = [
  'forceSweep',
  'hold',
  'release',
  'observe',
  'activate',
  'pause',
  'resume',
  'reapAnswered',
  'placeFree',
  'symptoms',
];
const FIELDS = [
  'by',
  'reason',
  'written',
  'kind',
  'value',
  'seconds',
  'job_id',
  'why',
  'park',
  'watchId',
  'text',
  'host',
  'queue',
];
const NOT_FOUND = 5;

const oddValue = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom<unknown>(
    ...[null, true, 0, -1, 2 ** 31, 1e300, -1e300, 0.5, '', ' ', '\0', '\ud83d', 'x'.repeat(10_000)],
    ...['job', 'agent', 'repo', 'host', 'symptom', 'dead', 'look', 'reap', '__proto__', [], {}, [[]], [null]],
  ),
);
const anyInput = fc.oneof(
  oddValue,
  fc.dictionary(fc.constantFrom(...FIELDS, '__proto__', 'constructor', 'toString'), oddValue),
);
/** No input, one, or more than the handler knows of. */
const anyArguments = fc.array(anyInput, { maxLength: 3 });

const payloads = (args: unknown[]) => ({
  payloads: args.map((value) => ({
    metadata: { encoding: Buffer.from('json/plain') },
    data: Buffer.from(JSON.stringify(value)),
  })),
});

async function signal(workflowId: string, signalName: string, args: unknown[]): Promise<void> {
  const { workflowService } = reaper.client;
  await workflowService
    .signalWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId },
      signalName,
      input: payloads(args),
    })
    // A poke may end its watch; the reaper starts another where there is a need.
    .catch((error: unknown) => {
      if ((error as { code?: number }).code !== NOT_FOUND) throw error;
    });
}

/** The message of an update's failure, or null where it succeeds. */
async function update(name: string, input: ReturnType<typeof payloads>): Promise<string | null> {
  const { outcome } = await reaper.client.workflowService.updateWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: reaper.names.reaper },
    waitPolicy: { lifecycleStage: UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED },
    request: { meta: { identity: 'test' }, input: { name, args: input } },
  });
  return outcome?.failure?.message ?? null;
}

/** What a query answers; a failed one rejects. */
async function query(
  workflowId: string,
  queryType: string,
  queryArgs: ReturnType<typeof payloads>,
): Promise<unknown> {
  const { queryResult } = await reaper.client.workflowService.queryWorkflow({
    namespace: 'default',
    execution: { workflowId },
    query: { queryType, queryArgs },
  });
  return JSON.parse(Buffer.from(queryResult?.payloads?.[0]?.data ?? []).toString());
}

it('signals, updates and queries with values of any type leave all repairs and all answers as they are', async () => {
  const live = await insertRunningJob(db.admin, { id: 'live', ...startProcess() });
  await reaper.sweepNow();
  const watch = reaper.names.watchId(live);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...SIGNALS), anyArguments, async (name, args) => {
      await signal(reaper.names.reaper, name, args);
      await signal(watch, 'poke', args);
      const refused = await update('reapNow', payloads(args));
      expect(refused).toMatch(/^reapNow: expected \{"job_id": "…"\}|^Expected job ".*" to be running/su);
      expect(refused?.length).toBeLessThan(1_000);
      expect(await query(reaper.names.reaper, 'status', payloads(args))).toHaveProperty('lastSweep');
    }),
    { numRuns: 200, endOnFailure: true, examples: [['hold', [{ job_id: '\0', value: '\0', kind: 'job' }]]] },
  );
  for (const args of [[null], ['x'], [{}, 1], ['x'.repeat(100_000)]])
    expect(await update('sweepNow', payloads(args))).toBeNull();

  await db.admin.query('delete from reaper.hold');
  await reaper.handle.signal('activate');
  await reaper.handle.signal('pause', { reason: 'after all' });
  const pausedFor = async () => (await reaper.handle.query<ReaperStatus>('status')).status?.paused_reason;
  await eventually('the pause', async () => (await pausedFor()) === 'after all');
  await reaper.handle.signal('resume');
  const dead = startProcess();
  await dead.kill();
  const { jobId } = await insertRunningJob(db.admin, { id: 'dead', ...dead });
  await eventually('the dead run repaired', async () => {
    const { rowCount } = await db.admin.query('select from reaper.ledger where job_id = $1', [jobId]);
    return rowCount === 1;
  });
  expect((await db.admin.query(`select from reaper.ledger where job_id = 'live'`)).rowCount).toBe(0);
  await expectHealthy(reaper.client, reaper.names.reaper);
  expect(await failedTasks(reaper.client, watch)).toEqual([]);
});

it.each([
  ['text that is no JSON', 'json/plain', '{"job_id":'],
  ['nothing', 'json/plain', ''],
  ['a payload that nobody here can decrypt', 'binary/encrypted', '\u0001\u0002'],
  ['an array that is nested too deep to print', 'json/plain', '['.repeat(500_000) + ']'.repeat(500_000)],
  ['nearly two megabytes', 'json/plain', JSON.stringify({ job_id: 'x'.repeat(1_900_000) })],
])(
  'an update or a query with %s is answered: a sweep with its summary, a reap with what was expected, a query with the state',
  async (_, encoding, text) => {
    const input = { payloads: [{ metadata: { encoding: Buffer.from(encoding) }, data: Buffer.from(text) }] };
    expect(await update('reapNow', input)).toMatch(/^reapNow: expected .{1,800}$/su);
    expect(await update('sweepNow', input)).toBeNull();
    expect(await query(reaper.names.reaper, 'status', input)).toHaveProperty('lastSweep');
    const live = await insertRunningJob(db.admin, { id: 'live', ...startProcess() });
    await reaper.sweepNow();
    expect(await query(reaper.names.watchId(live), 'watch', input)).toHaveProperty('phase');
    await expectHealthy(reaper.client, reaper.names.reaper);
  },
);
