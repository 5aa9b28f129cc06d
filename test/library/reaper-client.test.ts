import { Client, Connection } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { ReaperClient, readSettings, SettingsError } from '../../src/index.js';
import { insertBoot } from '../support/boots.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper, type TestReaperOptions } from '../support/reaper.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

const BOOT = 'aaaaaaaa-0000-4000-8000-000000000000';

let db: TestDatabase;
let reaper: TestReaper | undefined;
const clients: ReaperClient[] = [];

beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(() => db.clean());
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await reaper?.stop();
  reaper = undefined;
  await endProcesses();
});

const settingsOf = (REAPER_NAME: string) =>
  readSettings({ DATABASE_URL: db.reaperUrl, REAPER_NAME, REAPER_HOST: 'host-1' });

function operator(temporal: Client, name: string): ReaperClient {
  const client = new ReaperClient({ temporal, settings: settingsOf(name), by: 'ada' });
  clients.push(client);
  return client;
}

/** A reaper with its workers, and a client that operates it. */
async function start(options?: TestReaperOptions): Promise<ReaperClient> {
  reaper = await startReaper(db, options);
  return operator(reaper.client, reaper.names.reaper);
}

const changes = async () =>
  (
    await db.admin.query<{ action: string; by: string }>(
      `select action, by from reaper.control_change where by = 'ada' order by id`,
    )
  ).rows;

describe('hostGone', () => {
  it('declares the runs of a silent host dead, counts them, and has the reaper sweep at once', async () => {
    const client = await start({ policy: { intervalS: 3600 }, hosts: [] });
    await client.sweepNow();
    await insertRunningJob(db.admin, { id: 'j1', host: 'far' });
    expect(await client.hostGone('far')).toEqual({ declared: true, runs: 1 });
    // An hour's interval: only the signal makes it sweep. The watch that it starts finds the run dead.
    await eventually('a sweep that sees the run', async () => (await client.status()).watching === 1);
    expect(await changes()).toEqual([{ action: 'host-gone', by: 'ada' }]);
  });

  it('is refused while a probe there answers, unless it is declared replaced', async () => {
    const client = await start({ hosts: [] });
    const boot = { boot: BOOT, host: 'pod-0', pidNamespace: '8', isInitial: false, lastSeenS: 0 };
    await insertBoot(db.admin, boot);
    expect(await client.hostGone('pod-0')).toEqual({
      declared: false,
      why: expect.stringContaining('got an answer of its probe') as string,
    });
    expect(await changes()).toEqual([]);
    expect(await client.hostGone('pod-0', { replaced: true })).toEqual({ declared: true, runs: 0 });
    expect(await client.hostGone('pod-9', { replaced: true })).toMatchObject({ declared: false });
  });
});

describe('ledger', () => {
  it('lists claims, the newest first, of all jobs or of one', async () => {
    const client = await start();
    expect(await client.ledger()).toEqual([]);
    for (const id of ['j1', 'j2']) {
      await insertRunningJob(db.admin, { id, exitCode: 1, exitedS: 60 });
      await eventually('the claim', async () => (await client.ledger({ jobId: id })).length === 1);
    }
    expect((await client.ledger()).map(({ jobId }) => jobId)).toEqual(['j2', 'j1']);
    expect(await client.ledger({ jobId: 'j1', limit: 1 })).toMatchObject([
      { jobId: 'j1', outcome: 'queued', tier: 2, claimedAt: expect.any(Date) as Date },
    ]);
    expect(await client.ledger({ limit: 1 })).toHaveLength(1);
    expect((await client.status()).lastReaped).toMatchObject({ jobId: 'j2', outcome: 'queued' });
  });
});

describe('explain', () => {
  it('says why a live job is not reaped, from its process, its watch and Postgres', async () => {
    const client = await start();
    const agent = startProcess();
    await insertRunningJob(db.admin, { id: 'j1', ...agent });
    await client.sweepNow();
    const { known, headline, verdict, sections } = await client.explain('j1');
    expect({ known, headline, verdict }).toEqual({
      known: true,
      headline: 'Job j1 is running and not reaped, because it is alive.',
      verdict: { kind: 'healthy' },
    });
    const lines = sections.flatMap((section) => section.lines).join('\n');
    expect(lines).toContain('as stamped');
    expect(sections.find(({ title }) => title === 'watch')?.lines.join()).not.toContain('Temporal');
  });

  it("asks the run's own host, if this is another one", async () => {
    const client = await start({ hosts: ['host-1', 'host-2'] });
    const agent = startProcess();
    await insertRunningJob(db.admin, { id: 'j2', host: 'host-2', ...agent });
    const { headline, sections } = await client.explain('j2');
    expect(headline).toBe('Job j2 is running and not reaped, because it is alive.');
    expect(sections.find(({ title }) => title === 'process')?.lines.join()).toContain(
      'seen on host host-2 just now',
    );
  });

  it('says what became of a job that was reaped, and that a job is unknown', async () => {
    const client = await start();
    await insertRunningJob(db.admin, { id: 'j1', exitCode: 1, exitedS: 60 });
    await eventually('the claim', async () => (await client.ledger()).length === 1);
    expect((await client.explain('j1')).headline).toContain('it was reaped at');
    expect(await client.explain('j2')).toMatchObject({ known: false, verdict: null });
  });
});

describe('reapNow', () => {
  it('reaps a dead job, refuses a live one, and says that a job is not running', async () => {
    const client = await start({ policy: { intervalS: 3600 } });
    const [live, dead] = [startProcess(), startProcess()];
    await insertRunningJob(db.admin, { id: 'live', ...live });
    await insertRunningJob(db.admin, { id: 'dead', ...dead });
    await dead.kill();
    expect(await client.reapNow('live')).toEqual({
      reaped: false,
      why: expect.stringContaining('alive') as string,
    });
    expect(await client.reapNow('dead')).toEqual({
      reaped: true,
      text: expect.stringContaining('queued') as string,
    });
    expect((await readJob(db.admin, 'dead'))['status']).toBe('queued');
    expect(await client.reapNow('dead')).toEqual({
      reaped: false,
      why: expect.stringContaining('got no such running job') as string,
    });
    await expect(client.reapNow('')).rejects.toThrow(RangeError);
  });
});

describe('a mistake of the caller', () => {
  it('is thrown as a RangeError, and nothing is written', async () => {
    const client = await start({ hosts: [] });
    await expect(client.ledger({ limit: 0 })).rejects.toThrow(RangeError);
    await expect(client.bootGone('builder-3')).rejects.toThrow(RangeError);
    await expect(client.hold('planet' as 'job', 'j1', 60, 'why')).rejects.toThrow(RangeError);
    await expect(client.hold('job', ' ', 60, 'why')).rejects.toThrow(RangeError);
    await expect(client.hold('job', 'j1', 0, 'why')).rejects.toThrow(RangeError);
    expect(await changes()).toEqual([]);
    await client.hold('job', 'j1', 60, 'debugging it');
    expect(await client.release('job', 'j1')).toBe(true);
    expect(await client.release('job', 'j1')).toBe(false);
  });

  it('a missing DATABASE_URL is a SettingsError', () => {
    const temporal = new Client({ connection: Connection.lazy({ address: inject('temporalAddress') }) });
    expect(() => new ReaperClient({ temporal, settings: readSettings({}), by: 'ada' })).toThrow(
      SettingsError,
    );
  });
});

it('status has dates, and keeps names of hosts as they are', async () => {
  const client = await start({ hosts: [] });
  await insertRunningJob(db.admin, { id: 'j1', host: 'far_away' });
  await eventually('a sweep', async () => (await client.status()).hostsWithoutProbe.length > 0);
  expect(await client.status()).toMatchObject({
    mode: 'active',
    lastRunAt: expect.any(Date) as Date,
    hostsWithoutProbe: ['far_away'],
    unknownRuns: { far_away: 1 },
    braked: null,
  });
});
