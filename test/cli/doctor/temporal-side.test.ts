import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { CHECKS } from '../../../src/cli/doctor/checks.js';
import { freePort } from '../../../servers/index.js';
import { ensureSearchAttributes } from '../../../src/temporal/search-attributes.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { insertRunningJob } from '../../support/rows.js';
import { endProcesses, startProcess } from '../../support/process.js';
import { terminateAll } from '../../support/terminate-all.js';
import { eventually } from '../../support/wait.js';
import { WorkerProcess } from '../../support/worker-process.js';
import { cli } from '../support.js';
import { examine, examineAll, patientOf, type Patient } from './support.js';

const REAPER_NAME = `doctor-${randomBytes(5).toString('hex')}`;
let db: TestDatabase;
let client: Client;
let worker: WorkerProcess;
let patient: Patient;

/** A healthy installation that reaps: tests in the order in which they break it. */
beforeAll(async () => {
  db = await createTestDatabase();
  client = new Client({ connection: await Connection.connect({ address: inject('temporalAddress') }) });
  await insertRunningJob(db.admin, { id: 'j1', ...startProcess() });
  worker = new WorkerProcess({ REAPER_NAME, DATABASE_URL: db.reaperUrl });
  patient = patientOf(db, { env: { REAPER_NAME } });
  await eventually('a sweep that its host answered', async () => {
    const { rows } = await db.admin.query('select from reaper.host_probe where answered_at is not null');
    return rows.length;
  });
});
afterAll(async () => {
  await worker.kill();
  await endProcesses();
  await terminateAll(client, REAPER_NAME);
  await patient.close();
  await client.connection.close();
  await db.drop();
});

it('finds no failure in a healthy installation, and every check checks something', async () => {
  const diagnoses = await eventually('no failure', async () => {
    const all = await examineAll(patient);
    return all.every(({ level }) => level !== 'fail') ? all : null;
  });
  // The test run's namespace keeps histories for a day.
  expect(diagnoses.filter(({ level }) => level === 'warn').map(({ check }) => check)).toEqual(['namespace']);
  expect(new Set(diagnoses.map(({ check }) => check)).size).toBe(CHECKS.length);
});

it('as a command: exit code 0, one line for each ok, and a fix for everything else', async () => {
  const env = {
    DATABASE_URL: db.reaperUrl,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    REAPER_NAME,
    REAPER_HOST: 'host-1',
  };
  const { code, stdout, stderr } = await cli(['doctor'], env);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^ok {4}postgres: Postgres 13 or later: \d+$/m);
  expect(stdout).toMatch(
    /^warn {2}adapter: not tried.*\n {6}expected lock_run.*\n {6}fix: set DATABASE_ADMIN_URL/m,
  );
  expect(stdout).toMatch(/^\d+ ok, 2 with a warning \(adapter, namespace\), 0 failed\.$/m);
  expect(code).toBe(0);
});

it('as a command with --json: exit code 1 if something fails', async () => {
  const env = { DATABASE_URL: db.reaperUrl, TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}`, REAPER_NAME };
  const { code, stdout } = await cli(['doctor', '--json'], env);
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Record<string, unknown>[] };
  expect(ok).toBe(false);
  expect(findings).toContainEqual({
    check: 'temporal',
    level: 'fail',
    expected: 'an answer from Temporal',
    got: expect.stringContaining('Expected Temporal to answer at 127.0.0.1') as string,
    todo: 'start it, or correct TEMPORAL_ADDRESS and its credentials',
  });
  expect(findings).toContainEqual(
    expect.objectContaining({
      check: 'probes',
      level: 'warn',
      got: 'skipped: needs temporal, namespace',
    }),
  );
  expect(code).toBe(1);
});

describe('namespace', () => {
  it('fails if it does not exist', async () => {
    const lost = patientOf(db, { namespace: 'nowhere' });
    expect(await examine('namespace', lost)).toMatchObject([
      { level: 'fail', expected: 'namespace "nowhere"' },
    ]);
    await lost.close();
  });

  it('is judged by its retention; in a new one the search attributes are missing', async () => {
    const namespace = `kept-${randomBytes(4).toString('hex')}`;
    await client.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs('30 days'),
    });
    const kept = patientOf(db, { namespace });
    try {
      await eventually('the namespace', async () => (await examine('namespace', kept))[0]?.level === 'ok');
      expect(await examine('search attributes', kept)).toMatchObject([
        { level: 'fail', got: 'missing: ReaperJob, ReaperOutcome, ReaperHost' },
      ]);
    } finally {
      await kept.close();
    }
    const without = patientOf(db, { namespace, env: { REAPER_SEARCH_ATTRIBUTES: 'false' } });
    expect(await examine('search attributes', without)).toMatchObject([{ level: 'ok' }]);
    await without.close();
  });
});

it('search attributes: if all keywords are taken, it does not suggest registering more', async () => {
  const namespace = `full-${randomBytes(4).toString('hex')}`;
  await client.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: msToTs('30 days'),
  });
  const full = patientOf(db, { namespace });
  try {
    await eventually('the namespace', async () => (await examine('namespace', full))[0]?.level === 'ok');
    const searchAttributes = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`Mine${n}`, 2]));
    await eventually('all keywords taken', async () => {
      await client.connection.operatorService
        .addSearchAttributes({ namespace, searchAttributes })
        .catch(() => undefined);
      const [finding] = await examine('search attributes', full);
      return finding?.todo?.startsWith('set REAPER_SEARCH_ATTRIBUTES=false');
    });
    const there = new Client({ connection: client.connection, namespace });
    await expect(ensureSearchAttributes(there)).rejects.toThrow(
      /All keyword attributes are taken: .*REAPER_SEARCH_ATTRIBUTES=false/,
    );
  } finally {
    await full.close();
  }
});

describe('probes', () => {
  it('fails for a host whose queue no worker polls, until an operator declares it gone', async () => {
    await insertRunningJob(db.admin, { id: 'far', host: 'host-9' });
    const far = async () =>
      (await examine('probes', patient)).find(({ expected }) => expected.includes('host-9'));
    expect(await far()).toMatchObject({
      level: 'fail',
      got: 'no worker polls its queue, so its runs are unknown',
    });
    await db.reaper.query(`select reaper.declare_host_gone('host-9', 'ada')`);
    expect(await far()).toMatchObject({ level: 'ok', got: 'declared gone by ada' });
  });
});

it('fails with the cause for a host whose probe fails, and does not report it as one without a probe', async () => {
  // As found by a sweep of another reaper: nothing in this test polls for that host.
  await insertRunningJob(db.admin, { id: 'failing', host: 'host-8' });
  const failing = async () => {
    const summary = { number: 1, hostsFailing: { 'host-8': 'permission denied for view examinable_run' } };
    await db.admin.query(`update reaper.last_sweep set summary = summary || $1`, [JSON.stringify(summary)]);
    return (await examine('probes', patient)).find(({ expected }) => expected.includes('host-8'));
  };
  await eventually('the cause', async () => {
    const finding = await failing();
    expect(finding).toMatchObject({
      level: 'fail',
      got: 'it answers, but fails: permission denied for view examinable_run',
    });
    return true;
  });
});

describe('clock of Temporal', () => {
  it("fails when the database's is an hour ahead", async () => {
    const clock = (offset: string) =>
      db.admin.query(
        `create or replace function reaper.now() returns timestamptz language sql volatile
           as $$ select pg_catalog.clock_timestamp() + interval '${offset}' $$`,
      );
    await clock('1 hour');
    await eventually('a skew of an hour', async () => {
      const [finding] = await examine('clock of Temporal', patient);
      return finding?.level === 'fail' && finding.got.startsWith('3600 s apart');
    });
    await clock('0 s');
    await eventually('no skew', async () => (await examine('clock of Temporal', patient))[0]?.level === 'ok');
  });
});

// Last: it ends the worker.
describe('reaper', () => {
  it('fails for sweeps that fail, then for a worker that is gone, then for a workflow that is gone', async () => {
    const got = async () =>
      (await examine('reaper', patient))
        .filter(({ level }) => level === 'fail')
        .map((finding) => finding.got);
    await db.admin.query('revoke select on reaper.running_job from reaper');
    await eventually('a failed sweep', async () =>
      (await got()).some((text) => text.includes('running_job')),
    );
    await db.admin.query('grant select on reaper.running_job to reaper');
    await eventually('sweeps again', async () => (await got()).length === 0);

    await worker.kill();
    await db.admin.query(`update reaper.last_sweep set at = at - interval '1 hour'`);
    expect((await got()).some((text) => /^3\d+ s ago$/.test(text))).toBe(true);
    await terminateAll(client, REAPER_NAME);
    expect(await got()).toContain('TERMINATED');
    const other = patientOf(db);
    expect((await examine('reaper', other)).map((finding) => finding.got)).toEqual(
      expect.arrayContaining(['none', 'none polls it']),
    );
    expect(await examine('clock of Temporal', other)).toMatchObject([{ level: 'warn', got: 'none' }]);
    await other.close();
  });
});
