import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReaperStatus } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import { expectHealthy } from '../support/workflow-health.js';

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

const status = () => reaper.handle.query<ReaperStatus>('status');

/** Sends a signal whose payload no SDK would write. */
async function signalRaw(workflowId: string, signalName: string, encoding: string, data: Uint8Array) {
  await reaper.client.workflowService.signalWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId },
    signalName,
    input: { payloads: [{ metadata: { encoding: Buffer.from(encoding) }, data }] },
  });
}

const RAW: [what: string, encoding: string, data: Uint8Array][] = [
  ['text that is no JSON', 'json/plain', Buffer.from('{"reason":')],
  ['no data', 'json/plain', new Uint8Array()],
  ['bytes', 'binary/plain', Buffer.from([0, 255, 254])],
  ['a message of another SDK', 'json/protobuf', Buffer.from('{"reason":"r"}')],
  ['a payload that nobody here can decrypt', 'binary/encrypted', Buffer.from([1, 2, 3])],
  ['an unknown encoding', '', Buffer.from('x')],
  ['half a character', 'json/plain', Buffer.from('{"reason":"\\ud83d"}')],
  [
    'an array that is nested too deep to print',
    'json/plain',
    Buffer.from('['.repeat(500_000) + ']'.repeat(500_000)),
  ],
  ['nearly two megabytes', 'json/plain', Buffer.from(JSON.stringify({ reason: 'x'.repeat(1_900_000) }))],
];

describe.each(RAW)('%s', (_, encoding, data) => {
  it('as the input of any signal stops neither the reaper nor a watch', async () => {
    const run = await insertRunningJob(db.admin, { id: 'j1', ...startProcess() });
    await reaper.sweepNow();
    for (const signal of [
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
    ]) {
      await signalRaw(reaper.names.reaper, signal, encoding, data);
    }
    await signalRaw(reaper.names.watchId(run), 'poke', encoding, data);
    // While megabytes come in, the server may refuse an update for a moment.
    await eventually('a sweep', async () => (await reaper.sweepNow()).error === null);
    await eventually('each wish in Postgres', async () => {
      const { rows } = await db.admin.query<{ n: number }>(
        `select count(*) as n from reaper.control_change where action in ('pause', 'resume', 'mode')`,
      );
      return rows[0]?.n === 4;
    });
    await expectHealthy(reaper.client, reaper.names.reaper);
    await expectHealthy(reaper.client, reaper.names.watchId(run));
  });
});

const LONG = 'ü'.repeat(10_000);

it.each([
  ['pause', { by: LONG, reason: LONG }],
  ['pause', { by: 'o\u0000p', reason: 'r\u0000' }],
  ['hold', { kind: 'job', value: LONG, by: LONG, reason: LONG }],
  ['hold', { kind: 'host', value: 'a\u0000b', by: '\u0000', reason: '\u0000' }],
  ['hold', { kind: 'job', value: 'j', seconds: 1e-300 }],
  ['release', { kind: 'repo', value: '\ud83d', by: LONG }],
])(
  '%s with texts that are long or that Postgres does not store holds up no later signal: %#',
  async (signal, input) => {
    await reaper.handle.signal(signal, input);
    await reaper.handle.signal('pause', { by: 'op', reason: 'after it' });
    await eventually('the pause after it', async () => (await status()).status?.paused_reason === 'after it');
    await expectHealthy(reaper.client, reaper.names.reaper);
  },
);

it.each([['\u0000'], ['\ud83d'], ['ü'.repeat(200)], ["'; drop schema reaper cascade; --"]])(
  'reapNow of the job %j is answered',
  async (job_id) => {
    await expect(reaper.handle.executeUpdate('reapNow', { args: [{ job_id }] })).rejects.toThrow();
    expect(await reaper.sweepNow()).toMatchObject({ error: null });
    await expectHealthy(reaper.client, reaper.names.reaper);
  },
);
