import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { createDatabase, dropDatabase, freePort } from '../../servers/index.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import {
  cli,
  createPlace,
  deadProcess,
  kill,
  startCli,
  type Env,
  type Place,
  type RunningCli,
} from './support.js';

let place: Place;

beforeAll(async () => {
  place = await createPlace();
});

afterAll(() => place.db.drop());

interface Up {
  running: RunningCli;
  data: string;
  port: number;
  env: Env;
}

/** `up` with its own data folder and ports. */
async function startUp(args: string[] = [], more: Env = {}): Promise<Up> {
  const data = await mkdtemp(join(tmpdir(), 'job-reaper-up-test-'));
  onTestFinished(() => rm(data, { recursive: true, force: true, maxRetries: 5 }));
  const port = await freePort();
  const uiPort = await freePort();
  const env = { ...place.env, TEMPORAL_ADDRESS: undefined, ...more };
  const running = startCli(
    ['up', '--data', data, '--port', String(port), '--ui-port', String(uiPort), ...args],
    env,
  );
  onTestFinished(() => kill(running));
  return { running, data, port, env: { ...env, TEMPORAL_ADDRESS: `127.0.0.1:${port}` } };
}

/** The dev server that a port belongs to, by its command line. */
async function serverPid(port: number): Promise<number | null> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const words = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    if (words.includes('start-dev') && words.includes(`\0--port\0${port}\0`)) return Number(entry);
  }
  return null;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function sweeps(): Promise<number> {
  const { rows } = await place.db.admin.query<{ number: number }>(
    `select (summary ->> 'number')::integer as number from reaper.last_sweep`,
  );
  return rows[0]?.number ?? 0;
}

describe.skipIf(!existsSync('/proc/self/cmdline'))('up (needs /proc)', () => {
  test('runs everything, survives the death of its Temporal and leaves nothing behind', async () => {
    const { running, port, data, env } = await startUp();
    await eventually('the first sweep', async () => (await sweeps()) > 0);
    expect(running.output()).toContain(`Temporal is at 127.0.0.1:${port}, its Web UI at http://127.0.0.1:`);
    const pid = await eventually('the dev server', () => serverPid(port));

    process.kill(pid, 'SIGKILL');
    await eventually('the line that it died', () => running.output().includes('dev server died (SIGKILL)'));
    await insertRunningJob(place.db.admin, { id: 'zombie', ...(await deadProcess()) });
    await eventually('the reaper to continue', async () => {
      return (await readJob(place.db.admin, 'zombie'))['status'] === 'queued';
    });
    expect(running.output()).toContain(`the Temporal dev server is back at 127.0.0.1:${port}`);
    const restarted = await eventually('the new dev server', () => serverPid(port));
    expect(restarted).not.toBe(pid);
    expect((await cli(['sweep'], env)).code).toBe(0);

    running.process.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
    expect(await serverPid(port)).toBeNull();
    expect(await listens(port)).toBe(false);
    expect(await readdir(data)).toContain('temporal.sqlite');
  });

  test('continues where it was stopped', async () => {
    const first = await startUp();
    const before = await sweeps();
    await eventually('sweeps', async () => (await sweeps()) !== before);
    first.running.process.kill('SIGINT');
    expect(await first.running.ended).toMatchObject({ code: 0 });

    const ports = ['--port', String(first.port), '--ui-port', String(await freePort())];
    const env = { ...first.env, TEMPORAL_ADDRESS: undefined };
    const second = startCli(['up', '--data', first.data, ...ports], env);
    onTestFinished(() => kill(second));
    await eventually('an answer', async () => (await cli(['sweep'], first.env)).code === 0);
    expect(second.output()).not.toContain('the reaper workflow');
    second.process.kill('SIGTERM');
    expect(await second.ended).toMatchObject({ code: 0 });
    expect(await serverPid(first.port)).toBeNull();
  });

  test('uses the server of TEMPORAL_ADDRESS instead', async () => {
    const { running, port } = await startUp([], { TEMPORAL_ADDRESS: inject('temporalAddress') });
    await eventually('the worker', () => running.output().includes('the reaper workflow'));
    expect(running.output()).toContain(`using Temporal at ${inject('temporalAddress')}`);
    expect(await listens(port)).toBe(false);
    running.process.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0 });
  });

  test('says which port is taken', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    onTestFinished(() => void blocker.close());
    const { port } = blocker.address() as { port: number };
    const env = { ...place.env, TEMPORAL_ADDRESS: undefined };
    const { code, stderr } = await cli(['up', '--port', String(port)], env);
    expect(stderr).toContain(
      `Expected port ${port} to be free for the Temporal dev server, got a port in use`,
    );
    expect(stderr).toContain('--port');
    expect(code).toBe(1);
  });

  test('a mistake in the pipeline ends it, with its server', async () => {
    const { running, port } = await startUp([], { REAPER_PIPELINE: '/nowhere/pipeline.json' });
    const { code, stderr } = await running.ended;
    expect(stderr).toContain('/nowhere/pipeline.json');
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(1);
    expect(await serverPid(port)).toBeNull();
  });
});

describe('up on a database without the schema', () => {
  let adminUrl: string;
  beforeAll(async () => {
    adminUrl = await createDatabase(inject('adminUrl'), `${place.name}-empty`);
  });
  afterAll(() => dropDatabase(inject('adminUrl'), `${place.name}-empty`));

  test('says what to run', async () => {
    const { code, stderr } = await cli(['up'], { ...place.env, DATABASE_URL: adminUrl });
    expect(stderr).toContain('job-reaper up --adapter');
    expect(stderr).toContain('job-reaper migrate --adapter');
    expect(code).toBe(1);
  });

  test('needs DATABASE_ADMIN_URL for --adapter', async () => {
    const { code, stderr } = await cli(['up', '--adapter', 'minimal'], {
      ...place.env,
      DATABASE_URL: adminUrl,
    });
    expect(stderr).toContain('DATABASE_ADMIN_URL: expected a postgres:// URL');
    expect(code).toBe(1);
  });

  test('migrates if an adapter is given', async () => {
    const { running } = await startUp(['--adapter', 'minimal'], {
      DATABASE_URL: adminUrl,
      DATABASE_ADMIN_URL: adminUrl,
      TEMPORAL_ADDRESS: inject('temporalAddress'),
    });
    await eventually('the worker', () => running.output().includes('started as'));
    expect(running.output()).toContain('Adapter: minimal. Mode: observe.');
    running.process.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0 });
  });
});
