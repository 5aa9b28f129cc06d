import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';
import { buildVersion, findCommitBefore } from './worker-before.js';

const LIMIT_MS = 600_000;
const found = findCommitBefore();
const why = 'why' in found ? ` (skipped: ${found.why})` : '';
const name = `before-${randomBytes(5).toString('hex')}`;
let db: TestDatabase | undefined;
let folder: string | undefined;
let worker: WorkerProcess | undefined;

beforeAll(async () => {
  if ('why' in found) return;
  db = await createTestDatabase();
  folder = await buildVersion(found.commit);
}, LIMIT_MS);
afterAll(async () => {
  await worker?.kill();
  await endProcesses();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  await db?.drop();
  const connection = await Connection.connect({ address: inject('temporalAddress') });
  await terminateAll(new Client({ connection }), name);
  await connection.close();
});

it.skipIf('why' in found)(
  `the worker of the version before sweeps and repairs on this version's schema${why}`,
  async () => {
    if (!db || folder === undefined) throw new Error('Expected a database and a built version, got none');
    const { cli, program } = programsOf(folder);
    const { admin, reaperUrl } = db;
    const agent = startProcess();
    await insertRunningJob(admin, { id: 'dead', ...agent });
    await insertRunningJob(admin, { id: 'alive', ...startProcess() });
    await insertRunningJob(admin, { id: 'exited', exitCode: 1, exitedS: 60 });
    await agent.kill();
    const env = { REAPER_NAME: name, DATABASE_URL: reaperUrl };
    worker = new WorkerProcess(env, program);
    const status = async (id: string) => (await readJob(admin, id))['status'];
    await eventually(
      'both repairs',
      async () => (await status('dead')) === 'queued' && (await status('exited')) === 'queued',
    );
    expect(await status('alive')).toBe('running');

    const command = async (...words: string[]) => {
      const { stdout } = await promisify(execFile)(process.execPath, [cli, ...words], {
        env: { PATH: process.env['PATH'], ...env, TEMPORAL_ADDRESS: inject('temporalAddress') },
      });
      return stdout;
    };
    expect(await command('status', '--json')).toContain('"reaped_total": 2');
    expect(await command('pause', '--reason', 'upgrade')).toContain('Paused by');
    await command('resume');
    await eventually('a sweep that succeeded after it', async () => {
      const { rows } = await admin.query(`select from reaper.last_sweep s, reaper.control_change c
        where c.action = 'resume' and s.at > c.at and s.summary ->> 'error' is null`);
      return rows.length;
    });
    expect(worker.lines.filter((line) => /fail|error/i.test(line))).toEqual([]);
  },
  LIMIT_MS,
);

function programsOf(built: string): { cli: string; program: string } {
  return {
    cli: join(built, 'dist', 'src', 'cli.js'),
    program: pathToFileURL(join(built, 'test', 'support', 'worker-process.mjs')).href,
  };
}
