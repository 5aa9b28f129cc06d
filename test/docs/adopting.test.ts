import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createDatabase, dropDatabase } from '../../servers/index.js';
import { kill, startCli, type Env, type RunningCli } from '../cli/support.js';
import { endProcesses, startProcess } from '../support/process.js';
import { eventually } from '../support/wait.js';
import { blocksOf, commandsOf, readPage, wordsOf, type Block } from './support.js';

// docs/adopting.md as it stands, with the adapter that docs/sql-contract.md walks through.

const name = `adopting_${randomBytes(4).toString('hex')}`;
let admin: pg.Client;
let databaseUrl: string;
let env: Env;
let worker: RunningCli | undefined;
let blocks: Block[];

beforeAll(async () => {
  databaseUrl = await createDatabase(inject('adminUrl'), name);
  admin = new pg.Client({ connectionString: databaseUrl });
  await admin.connect();
  const url = new URL(databaseUrl);
  url.username = url.password = name;
  env = {
    DATABASE_ADMIN_URL: databaseUrl,
    DATABASE_URL: url.href,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    REAPER_NAME: name,
    REAPER_HOST: 'builder-1',
    REAPER_INTERVAL_S: '0.5',
  };
  blocks = blocksOf((await readPage('docs/adopting.md')).replaceAll('job_reaper', name));
});

afterAll(async () => {
  if (worker) await kill(worker);
  await endProcesses();
  await admin.end();
  await dropDatabase(inject('adminUrl'), name);
  const server = new pg.Client({ connectionString: inject('adminUrl') });
  await server.connect();
  await server.query(`drop role if exists ${name}; drop role if exists ${name}_probe`);
  await server.end();
});

it('leads from the dry run to a queue whose dead jobs are reaped, one agent held', async () => {
  const [install, logins, observe, report, compare, activate, back] = blocks;
  expect(await run(install)).toContain('Mode: observe.');
  await admin.query(logins?.text ?? '');
  worker = startCli(['worker'], env);
  await eventually('a sweep', isThere('select from reaper.last_sweep'));
  expect(await run(observe)).toContain('observing: a dry run');

  await insertDead(17, 'mail');
  await eventually('a would-be reap', isThere('select from reaper.observation'));
  const reported = await run(report);
  expect(reported).toContain('would have reaped 1 run. Ended by themselves: 0.');
  expect(reported).toContain('dry run');
  const { rows } = await admin.query(compare?.text ?? '');
  expect(rows).toMatchObject([{ job_id: '17', outcome: 'queued', tier: 1, became: null }]);
  expect(await state(17)).toBe('active');

  await insertDead(18, 'import');
  expect(await run(activate)).toContain('active: dead runs are reaped');
  await eventually('the reap', async () => (await state(17)) === 'waiting');
  expect(await state(18)).toBe('active');

  expect(await run(back)).toContain('paused');
});

/** Runs the commands of a block, and returns what they print. */
async function run(block: Block | undefined): Promise<string> {
  let printed = '';
  for (const command of block ? commandsOf(block) : []) {
    const { code, stdout, stderr } = await startCli(wordsOf(command).slice(1), env).ended;
    expect(stderr, command).toBe('');
    expect(code, command).toBe(0);
    printed += stdout;
  }
  return printed;
}

/** A job whose process died, as a launcher of this queue leaves it. */
async function insertDead(id: number, topic: string): Promise<void> {
  const process = startProcess();
  await process.kill();
  await admin.query(
    `insert into work (id, topic, state, tries, execution, worker, pid, stamp, active_since) overriding system value
     values ($1, $2, 'active', 1, nextval('work_execution'), 'builder-1', $3, $4, now())`,
    [id, topic, process.pid, process.processIdentity],
  );
}

async function state(id: number): Promise<string | undefined> {
  const { rows } = await admin.query<{ state: string }>('select state from work where id = $1', [id]);
  return rows[0]?.state;
}

function isThere(sql: string): () => Promise<boolean> {
  return async () => (await admin.query(sql)).rowCount !== 0;
}
