import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insertRunningJob, readJob, type RunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import {
  cli,
  createPlace,
  deadProcess,
  kill,
  liveProcess,
  startCli,
  type Place,
  type RunningCli,
} from './support.js';

let place: Place;
let worker: RunningCli;

beforeAll(async () => {
  place = await createPlace();
  // Nothing is reaped automatically here, only by an operator.
  worker = startCli(['worker'], { ...place.env, REAPER_DEAD_TICKS: '1000' });
  await eventually('the first sweep', async () => (await cliJson('status'))['last_run_ts'] !== null);
});

afterAll(async () => {
  await kill(worker);
  await place.db.drop();
});

async function cliJson(...args: string[]): Promise<Record<string, unknown>> {
  const running = startCli([...args, '--json'], place.env);
  const { stdout } = await running.ended;
  return JSON.parse(stdout) as Record<string, unknown>;
}

function insert(job: RunningJob) {
  return insertRunningJob(place.db.admin, { host: 'host-1', ...job });
}

describe('sweep', () => {
  test('waits for a sweep and prints its summary', async () => {
    const { code, stdout, stderr } = await cli(['sweep'], place.env);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^Sweep no\. \d+: \d+ running, /);
    expect(code).toBe(0);
  });

  test('--json is the summary', async () => {
    const summary = await cliJson('sweep');
    expect(summary).toMatchObject({ error: null, hostsWithoutProbe: [] });
    expect(summary['number']).toEqual(expect.any(Number));
  });

  test('a sweep that failed fails the command', async () => {
    await place.db.admin.query('alter view reaper.running_job rename to away');
    try {
      const { code, stdout, stderr } = await cli(['sweep', '--json'], place.env);
      expect(JSON.parse(stdout)).toMatchObject({ error: expect.stringMatching(/.+/) as string });
      expect(stderr).toMatch(/^Expected sweep no\. \d+ to succeed, got /);
      expect(code).toBe(1);
    } finally {
      await place.db.admin.query('alter view reaper.away rename to running_job');
    }
  });

  test('without Temporal it says which address it tried', async () => {
    const { code, stderr } = await cli(['sweep'], place.envWithoutTemporal);
    expect(stderr).toContain(
      `Expected Temporal to answer at ${place.envWithoutTemporal['TEMPORAL_ADDRESS'] ?? ''}`,
    );
    expect(stderr).not.toContain('reaper workflow');
    expect(stderr).toContain('start it, or correct TEMPORAL_ADDRESS');
    expect(code).toBe(1);
  });

  test('without a reaper it says to start a worker', async () => {
    const { code, stderr } = await cli(['sweep'], { ...place.env, REAPER_NAME: `${place.name}-other` });
    expect(stderr).toContain('start a worker (job-reaper worker)');
    expect(code).toBe(1);
  });
});

describe('reap', () => {
  test('reaps a dead run immediately', async () => {
    await insert({ id: 'dead', ...(await deadProcess()) });
    const { code, stdout, stderr } = await cli(['reap', 'dead'], place.env);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^Job dead was reaped: queued \(dead pid=\d+\)\.\n$/);
    expect(await readJob(place.db.admin, 'dead')).toMatchObject({ status: 'queued' });
    expect(code).toBe(0);
  });

  test('refuses a live run', async () => {
    await insert({ id: 'alive', ...liveProcess() });
    const { code, stdout, stderr } = await cli(['reap', 'alive'], place.env);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^Job alive was not reaped: .*alive/);
    expect(await readJob(place.db.admin, 'alive')).toMatchObject({ status: 'running' });
    expect(code).toBe(1);
  });

  test('refuses a held run', async () => {
    await cli(['hold', 'job', 'held', '--reason', 'being debugged'], place.env);
    await insert({ id: 'held', ...(await deadProcess()) });
    const { code, stderr } = await cli(['reap', 'held'], place.env);
    expect(stderr).toContain('being debugged');
    expect(await readJob(place.db.admin, 'held')).toMatchObject({ status: 'running' });
    expect(code).toBe(1);
  });

  test('refuses a job that is not running', async () => {
    const { code, stderr } = await cli(['reap', 'nobody'], place.env);
    expect(stderr).toContain('Expected job "nobody" to be running');
    expect(code).toBe(1);
  });
});

describe('host-gone', () => {
  test('is refused while a probe there answers', async () => {
    await insert({ id: 'here', ...liveProcess() });
    await cli(['sweep'], place.env);
    const { code, stdout, stderr } = await cli(['host-gone', 'host-1'], place.env);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^Refused: expected host "host-1" to be gone, got an answer of its probe/);
    expect(code).toBe(1);
  });

  test('declares a silent host gone and counts its runs', async () => {
    await insert({ id: 'lost', host: 'host-9' });
    const { code, stdout, stderr } = await cli(['host-gone', 'host-9', '--by', 'ada'], place.env);
    expect(stderr).toBe('');
    expect(stdout).toContain('ada declared host host-9 gone. Runs marked running there: 1');
    const { rows } = await place.db.admin.query('select host, by from reaper.gone_host');
    expect(rows).toEqual([{ host: 'host-9', by: 'ada' }]);
    expect(code).toBe(0);
  });

  test('warns of a host that no row names', async () => {
    const { code, stderr } = await cli(['host-gone', 'hots-9'], place.env);
    expect(stderr).toContain('No running job names host "hots-9"');
    expect(code).toBe(0);
  });
});
