import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/wait.js';
import { cli, createPlace, kill, startCli, type Place, type RunningCli } from './support.js';

let place: Place;
let worker: RunningCli;

beforeAll(async () => {
  place = await createPlace();
  worker = startCli(['worker'], place.env);
  await eventually('the first sweep', async () => (await lastSweep()) !== null);
});

afterAll(async () => {
  await kill(worker);
  await place.db.drop();
});

beforeEach(async () => {
  await place.db.admin.query(
    `update reaper.control set paused = false, paused_by = null, paused_reason = null, mode = 'active'`,
  );
  await place.db.admin.query('delete from reaper.hold');
});

async function control(): Promise<Record<string, unknown>> {
  const { rows } = await place.db.admin.query<Record<string, unknown>>('select * from reaper.control');
  return rows[0] ?? {};
}

async function lastChange(): Promise<unknown> {
  const { rows } = await place.db.admin.query<Record<string, unknown>>(
    `select by, action, detail from reaper.control_change where action <> 'policy' order by id desc limit 1`,
  );
  return rows[0];
}

async function lastSweep(): Promise<number | null> {
  const { rows } = await place.db.admin.query<{ number: number }>(
    `select (summary ->> 'number')::integer as number from reaper.last_sweep`,
  );
  return rows[0]?.number ?? null;
}

// With and without Temporal, the same is written, and the exit code is the same.
describe.each(['with Temporal', 'without Temporal'] as const)('%s', (situation) => {
  const hasTemporal = situation === 'with Temporal';
  const run = async (...args: string[]) => {
    const result = await cli(args, hasTemporal ? place.env : place.envWithoutTemporal);
    if (hasTemporal) expect(result.stderr).toBe('');
    else expect(result.stderr).toMatch(/^The signal \w+ could not be sent .* is in Postgres/);
    expect(result.code).toBe(0);
    return result.stdout;
  };

  test('pause and resume', async () => {
    const paused = await run('pause', '--reason', 'maintenance', '--by', 'ada');
    expect(paused).toContain('Paused by ada: maintenance');
    expect(await control()).toMatchObject({
      paused: true,
      paused_by: 'ada',
      paused_reason: 'maintenance',
      mode: 'active',
    });

    expect(await run('resume', '--by', 'ada')).toContain('active: dead runs are reaped');
    expect(await control()).toMatchObject({ paused: false, paused_by: null });
    expect(await lastChange()).toEqual({ by: 'ada', action: 'resume', detail: {} });
  });

  test('observe and activate', async () => {
    expect(await run('observe', '--by', 'ada')).toContain('a dry run');
    expect(await control()).toMatchObject({ mode: 'observe' });
    expect(await run('activate', '--by', 'ada')).toContain('active: dead runs are reaped');
    expect(await control()).toMatchObject({ mode: 'active' });
  });

  test('hold and release', async () => {
    const held = await run('hold', 'agent', 'writer', '--for', '30m', '--reason', 'broken', '--by', 'ada');
    expect(held).toMatch(/Held agent writer until .* by ada: broken/);
    const { rows } = await place.db.admin.query(
      `select kind, value, by, reason, round(extract(epoch from until - created_at)) as s from reaper.hold`,
    );
    expect(rows).toMatchObject([{ kind: 'agent', value: 'writer', by: 'ada', reason: 'broken', s: '1800' }]);

    expect(await run('release', 'agent', 'writer', '--by', 'ada')).toContain('Released agent writer');
    expect(await lastChange()).toMatchObject({ by: 'ada', action: 'release' });
  });
});

test('the audit trail names the user and the host by default', async () => {
  await cli(['pause'], place.env);
  expect(await control()).toMatchObject({
    paused_by: expect.stringMatching(/.+@.+/) as string,
    paused_reason: 'no reason given',
  });
});

test('anything else that prevents claims is named', async () => {
  await cli(['observe'], place.env);
  const { stdout } = await cli(['resume'], place.env);
  expect(stdout).toContain('observing: a dry run');
});

test('release without a hold fails', async () => {
  const { code, stdout, stderr } = await cli(['release', 'job', 'nobody'], place.env);
  expect(stdout).toBe('');
  expect(stderr).toContain('Expected a hold on job "nobody", got none');
  expect(code).toBe(1);
});

test('a reaper that is not running is reported, and the request is written', async () => {
  const env = { ...place.env, REAPER_NAME: `${place.name}-other` };
  const { code, stderr } = await cli(['pause'], env);
  expect(stderr).toContain(`could not be sent to workflow "${place.name}-other"`);
  expect(await control()).toMatchObject({ paused: true });
  expect(code).toBe(0);
});

test.each([
  ['pause'],
  ['resume'],
  ['observe'],
  ['activate'],
  ['hold', 'job', 'x'],
  ['release', 'job', 'x'],
  ['host-gone', 'x'],
  ['status'],
  ['ledger'],
  ['report'],
  ['explain', 'x'],
])('%s says in one line that Postgres is down', async (...args) => {
  const address = place.envWithoutTemporal['TEMPORAL_ADDRESS'] ?? '';
  const env = { ...place.env, DATABASE_URL: `postgres://reaper:secret@${address}/queue` };
  const { code, stdout, stderr } = await cli(args, env);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^Expected Postgres to answer at 127\.0\.0\.1:\d+\/queue, got .*ECONNREFUSED.*\n$/);
  expect(stderr).not.toContain('secret');
  expect(code).toBe(1);
});

test('a missing worker is distinguished from a Temporal that is down', async () => {
  // A reaper workflow of another worker: it exists, but no worker answers for it.
  const name = `${place.name}-gone`;
  const other = startCli(['worker', '--no-probe'], { ...place.env, REAPER_NAME: name });
  onTestFinished(() => kill(other));
  await eventually('its reaper', () => other.output().includes('the reaper workflow'));
  await kill(other);
  const { code, stdout } = await cli(['status'], { ...place.env, REAPER_NAME: name });
  expect(stdout).toContain('Temporal did not answer (no answer within 5 s)');
  expect(code).toBe(0);
});

test('a database without the schema says what to run', async () => {
  const url = new URL(place.db.adminUrl);
  url.pathname = '/postgres';
  const { code, stderr } = await cli(['status'], { ...place.env, DATABASE_URL: url.href });
  expect(stderr).toContain('Expected schema reaper at');
  expect(stderr).toContain('job-reaper migrate --adapter');
  expect(code).toBe(1);
});

test('a user without the rights is told which role is missing', async () => {
  const { code, stderr } = await cli(['pause'], { ...place.env, DATABASE_URL: place.db.probeUrl });
  expect(stderr).toContain('a member of role reaper');
  expect(await control()).toMatchObject({ paused: false });
  expect(code).toBe(1);
});

test('a wrong password is not reported as a missing schema', async () => {
  const url = new URL(place.db.reaperUrl);
  url.password = 'wrong';
  const { code, stderr } = await cli(['ledger'], { ...place.env, DATABASE_URL: url.href });
  expect(stderr).toContain('Expected to connect to Postgres at');
  expect(code).toBe(1);
});
