import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/wait.js';
import { cli, createPlace, kill, startCli, type Place } from './support.js';

let place: Place;

beforeAll(async () => {
  place = await createPlace();
});

afterAll(() => place.db.drop());

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends the worker with exit code 0', async (signal) => {
  const worker = startCli(['worker'], { ...place.env, REAPER_NAME: `${place.name}-${signal}` });
  onTestFinished(() => kill(worker));
  await eventually('the reaper', () => worker.output().includes('the reaper workflow'));
  worker.process.kill(signal);
  const { code, stdout, stderr } = await worker.ended;
  expect(stderr).toBe('');
  expect(stdout.trim().split('\n').at(-1)).toContain('"msg":"stopped"');
  expect(code).toBe(0);
});

test('a signal ends a worker that still waits for its servers', async () => {
  const worker = startCli(['worker'], place.envWithoutTemporal);
  onTestFinished(() => kill(worker));
  await eventually('the line', () => worker.output().includes('Temporal is away'));
  worker.process.kill('SIGTERM');
  expect(await worker.ended).toMatchObject({ code: 0, stderr: '' });
});

test('all mistakes in the settings at once', async () => {
  const { code, stdout, stderr } = await cli(['worker'], {
    ...place.env,
    REAPER_INTERVAL_S: 'soon',
    REAPER_DEAD_TICKS: '0',
    REAPER_INTERVALL: '1',
  });
  expect(stdout).toBe('');
  expect(stderr).toContain('3 mistakes');
  expect(stderr).toContain('did you mean "REAPER_INTERVAL');
  expect(stderr).not.toContain('    at ');
  expect(code).toBe(1);
});

test.skipIf(process.platform !== 'linux')(
  'a REAPER_PROC that is not the host’s /proc (needs Linux)',
  async () => {
    const { code, stdout, stderr } = await cli(['worker'], { ...place.env, REAPER_PROC: tmpdir() });
    expect(stdout).toBe('');
    expect(stderr).toContain(
      `REAPER_PROC: expected a mount of the host's /proc, got "${tmpdir()}": it is not a mount of proc`,
    );
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(1);
  },
);

test('a mistake in the pipeline', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-cli-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'pipeline.json');
  await writeFile(file, '{ "stages": [{ "name": "a", "next": "b" }] }');
  const { code, stderr } = await cli(['worker'], { ...place.env, REAPER_PIPELINE: file });
  expect(stderr).toContain(file);
  expect(stderr).not.toContain('    at ');
  expect(code).toBe(1);
});

test('a worker without any part is a usage error', async () => {
  const { code, stderr } = await cli(['worker', '--no-workflows', '--no-probe'], place.env);
  expect(stderr).toContain('nothing is left to run');
  expect(code).toBe(2);
});
