import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { Names } from '../../src/naming.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';

/** The worker notices a cancellation with its heartbeats, which reach the server every 16 s. */
const HEARTBEAT_LIMIT_MS = 90_000;

let db: TestDatabase;
let folder: string;
let name: string;
let connection: Connection;
let client: Client;
let worker: WorkerProcess | undefined;

beforeEach(async () => {
  db = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'job-reaper-gates-'));
  name = `e2e-${randomBytes(6).toString('hex')}`;
  connection = await Connection.connect({ address: inject('temporalAddress') });
  client = new Client({ connection });
});
afterEach(async () => {
  await worker?.kill();
  worker = undefined;
  for (const pid of await startedPids()) end(pid);
  await terminateAll(client, name);
  await connection.close();
  await rm(folder, { recursive: true, force: true });
  await db.drop();
});

/** A worker whose pipeline has this gate before the stage "released". */
async function startWorker(gate: object, env: Record<string, string> = {}, module?: string) {
  const stages = [{ name: 'development', agent: 'developer', gate, next: 'released' }, { name: 'released' }];
  const pipeline = join(folder, 'pipeline.json');
  await writeFile(pipeline, JSON.stringify({ stages }));
  worker = new WorkerProcess(
    { REAPER_NAME: name, DATABASE_URL: db.reaperUrl, REAPER_PIPELINE: pipeline, ...env },
    module,
  );
  return worker;
}

const finished = (id: string, workItem?: string) =>
  insertRunningJob(db.admin, {
    id,
    stage: 'development',
    exitCode: 0,
    exitedS: 60,
    ...(workItem !== undefined && { workItem }),
  });
const statusOf = async (id: string) => (await readJob(db.admin, id))['status'];

/** A command that writes its pid and its child's to a file, and does not end by itself. */
const endless = () => ({
  kind: 'command',
  argv: ['sh', '-c', `sleep 300 & echo "$$ $!" >> "${join(folder, 'pids')}"; wait`],
  timeout_s: 300,
});

async function startedPids(): Promise<number[]> {
  const text = await readFile(join(folder, 'pids'), 'utf8').catch(() => '');
  return text.split(/\s+/).filter(Boolean).map(Number);
}

async function bothStarted(): Promise<void> {
  await eventually('the gate’s processes', async () => (await startedPids()).length === 2);
}

/** Whether a process has ended; a zombie has. */
async function isGone(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => null);
  return stat === null || /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
}

const allGone = (limitMs?: number) =>
  eventually(
    'the gate’s whole process group gone',
    async () => (await Promise.all((await startedPids()).map(isGone))).every(Boolean),
    limitMs,
  );

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // As expected, the gate was ended.
  }
}

it('a command gate sees no secret of its worker', async () => {
  const seen = join(folder, 'environment');
  await startWorker(
    { kind: 'command', argv: ['sh', '-c', `env > "${seen}"`] },
    {
      TELEGRAM_BOT_TOKEN: '123456:SecretOfTheBot',
      TELEGRAM_CHAT_ID: '1',
      REAPER_WEBHOOK_URL: 'http://127.0.0.1:9/SecretOfTheHook',
      AWS_SECRET_ACCESS_KEY: 'SecretOfSomebody',
    },
  );
  await finished('j1');
  await eventually('the claim', async () => (await statusOf('j1')) === 'done');
  const environment = await readFile(seen, 'utf8');
  expect(environment).toContain('GATE_JOB=j1');
  expect(environment).not.toMatch(/secret|postgres|telegram|reaper_/i);
});

it.skipIf(process.platform !== 'linux')(
  'a gate whose watch is ended is ended too, with all that it started (needs /proc)',
  async () => {
    await startWorker(endless());
    const run = await finished('j1');
    await bothStarted();
    await db.reaper.query(`select reaper.pause('the gate is ended', 'test')`);
    await client.workflow.getHandle(new Names(name).watchId(run)).terminate();
    await allGone(HEARTBEAT_LIMIT_MS);
    expect(await statusOf('j1')).toBe('running');
  },
);

it.skipIf(process.platform !== 'linux')(
  'a worker that is stopped ends its gates, and nothing is claimed (needs /proc)',
  async () => {
    const stopped = await startWorker(endless());
    await finished('j1');
    await bothStarted();
    stopped.signal('SIGTERM');
    expect(await stopped.end()).toBe(0);
    await allGone();
    expect(await statusOf('j1')).toBe('running');
    const { rows } = await db.reaper.query('select count(*) as n from reaper.ledger');
    expect(rows).toEqual([{ n: 0 }]);
  },
);

it('a function that your own worker registers decides', async () => {
  await startWorker({ kind: 'function', name: 'approved' }, {}, 'gate-worker.mjs');
  await finished('good', 'W-good');
  await finished('bad', 'W-bad');
  await eventually(
    'both',
    async () => (await statusOf('good')) === 'done' && (await statusOf('bad')) === 'queued',
  );
  const { rows } = await db.reaper.query(
    `select reason, evidence -> 'gate' ->> 'reason' as gate from reaper.ledger order by job_id desc`,
  );
  expect(rows).toEqual([
    { reason: 'exit0, gate green', gate: 'good is about W-good' },
    { reason: 'exit0 but gate red', gate: 'bad is about W-bad' },
  ]);
});

it('an unregistered function stops the worker, with its place in the file', async () => {
  const stopped = await startWorker({ kind: 'function', name: 'aproved' });
  expect(await stopped.end()).toBe(1);
  expect(stopped.printed).toContain(
    'stages[0].gate.name: expected a registered function (there is none), got "aproved"',
  );
});
