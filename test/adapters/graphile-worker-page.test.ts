import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createDatabase, dropDatabase } from '../../servers/index.js';
import { kill, startCli, type Env, type RunningCli } from '../cli/support.js';
import { blocksOf, commandsOf, readPage, wordsOf, type Block } from '../docs/support.js';
import { eventually } from '../support/wait.js';

// docs/queues/graphile-worker.md as it stands.

const name = `graphile_${randomBytes(4).toString('hex')}`;
const script = fileURLToPath(new URL(`./.${name}.mjs`, import.meta.url));
const queueWorkers: ChildProcess[] = [];
let admin: pg.Client;
let databaseUrl: string;
let env: Env;
let worker: RunningCli | undefined;
let blocks: Block[];

beforeAll(async () => {
  databaseUrl = await createDatabase(inject('adminUrl'), name);
  admin = new pg.Client({ connectionString: databaseUrl });
  await admin.connect();
  await admin.query(`create role ${name}_app`);
  const url = new URL(databaseUrl);
  url.username = url.password = name;
  env = {
    DATABASE_ADMIN_URL: databaseUrl,
    DATABASE_URL: url.href,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    REAPER_NAME: name,
    REAPER_INTERVAL_S: '0.5',
  };
  const page = await readPage('docs/queues/graphile-worker.md');
  blocks = blocksOf(page.replaceAll('job_reaper', name).replaceAll('my_app', `${name}_app`));
});

afterAll(async () => {
  for (const child of queueWorkers) await killQueueWorker(child);
  if (worker) await kill(worker);
  await rm(script, { force: true });
  await admin.end();
  await dropDatabase(inject('adminUrl'), name);
  const server = new pg.Client({ connectionString: inject('adminUrl') });
  await server.connect();
  await server.query(`drop role if exists ${name}; drop role if exists ${name}_app`);
  await server.end();
});

it('leads from workers with the line to an activated reaper, and back', async () => {
  const [line, install, logins, observe, activate, reaped, back, remove] = blocks;
  await writeFile(script, line?.text ?? '');
  const first = startQueueWorker();
  await eventually(
    'its tables',
    isThere(`select where to_regclass('graphile_worker.jobs') is not null`),
    60_000,
  );

  expect(await run(install)).toContain('Mode: observe.');
  await admin.query(logins?.text ?? '');
  // The line is retried until the schema is there.
  await eventually('the announcement', isThere('select from reaper.queue_worker'), 60_000);
  worker = startCli(['worker'], env);
  await eventually('a sweep', isThere('select from reaper.last_sweep'), 60_000);
  const [kept, tried] = [await addJob(3_600, 25), await addJob(3_600, 1)];
  await eventually('both jobs', isThere('select from reaper.running_job having count(*) = 2'));

  const observed = await run(observe);
  expect(observed).toContain('observing: a dry run');
  expect(observed).toContain('all known');

  await killQueueWorker(first);
  await eventually('would-be reaps', isThere('select from reaper.observation having count(*) = 2'), 60_000);
  expect(await run(activate)).toMatch(/would have reaped 2 runs(.|\n)*active: dead runs are reaped/);
  await eventually('the reaps', isThere('select from reaper.ledger having count(*) = 2'), 60_000);
  const { rows } = await admin.query(reaped?.text ?? '');
  const error = expect.stringMatching(/^reaped: dead pid=/) as string;
  const job = { task_identifier: 'report', attempts: 1, last_error: error };
  expect(rows.sort((a: { id: string }, b: { id: string }) => Number(a.id) - Number(b.id))).toEqual([
    { ...job, id: kept, max_attempts: 25 },
    { ...job, id: tried, max_attempts: 1 },
  ]);

  expect(await run(back)).toContain('Paused');
  await kill(worker);
  // A worker of the queue is at work meanwhile.
  startQueueWorker();
  await eventually(
    'a job at work',
    isThere('select from graphile_worker.jobs where locked_at is not null'),
    60_000,
  );
  for (const statement of (remove?.text ?? '').split('\n').filter((text) => text !== ''))
    await admin.query(statement);
  await addJob(0, 1);
  await eventually(
    'a job that is done',
    isThere('select from graphile_worker.jobs having count(*) = 2'),
    60_000,
  );
});

function startQueueWorker(): ChildProcess {
  const child = spawn(process.execPath, [script], {
    env: { PATH: process.env['PATH'], DATABASE_URL: databaseUrl },
    stdio: 'ignore',
  });
  queueWorkers.push(child);
  return child;
}

async function killQueueWorker(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'close');
}

async function addJob(seconds: number, attempts: number): Promise<string> {
  const { rows } = await admin.query<{ id: string }>(
    `select id from graphile_worker.add_job('report', json_build_object('seconds', $1::integer), max_attempts := $2)`,
    [seconds, attempts],
  );
  return rows[0]?.id ?? '';
}

/** Runs the commands of a block, and returns what they print. */
async function run(block: Block | undefined): Promise<string> {
  let printed = '';
  for (const command of block ? commandsOf(block) : []) {
    const { code, stdout, stderr } = await startCli(wordsOf(command).slice(1), env).ended;
    expect(stderr, command).toBe('');
    expect(code, `${command}: ${stdout}`).toBe(0);
    printed += stdout;
  }
  return printed;
}

function isThere(sql: string): () => Promise<boolean> {
  return async () => {
    // Before a table is there, too.
    const found = await admin.query(sql).catch(() => null);
    return found !== null && found.rowCount !== 0;
  };
}
