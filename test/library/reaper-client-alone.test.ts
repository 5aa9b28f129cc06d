import { randomUUID } from 'node:crypto';
import { Client, Connection, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject, it, vi } from 'vitest';
import { ReaperClient, readSettings } from '../../src/index.js';
import { freePort } from '../../servers/index.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob } from '../support/rows.js';

const BOOT = 'aaaaaaaa-0000-4000-8000-000000000000';

let db: TestDatabase;
let client: ReaperClient;

/** Nothing listens where its Temporal should be. */
beforeAll(async () => {
  db = await createTestDatabase();
  const connection = Connection.lazy({ address: `127.0.0.1:${await freePort()}` });
  const settings = readSettings({ DATABASE_URL: db.reaperUrl });
  client = new ReaperClient({ temporal: new Client({ connection }), settings, by: 'ada' });
});
afterAll(async () => {
  await client.close();
  await db.drop();
});

it('without Temporal, a request takes effect in Postgres, and does not wait for Temporal forever', async () => {
  await insertRunningJob(db.admin, { id: 'j1', host: 'far', processIdentity: `linux::${BOOT}:4026531836:5` });
  const [host, boot] = await Promise.all([
    client.hostGone('far'),
    client.bootGone(BOOT),
    client.pause('deploying'),
  ]);
  expect([host, boot]).toEqual([
    { declared: true, runs: 1 },
    { declared: true, runs: 1 },
  ]);
  expect(await client.status()).toMatchObject({ paused: true, pausedBy: 'ada', pausedReason: 'deploying' });
  const { rows } = await db.admin.query(
    `select action from reaper.control_change where by = 'ada' order by action`,
  );
  expect(rows).toEqual([{ action: 'boot-gone' }, { action: 'host-gone' }, { action: 'pause' }]);
});

it('without Temporal, explain says what Postgres knows', async () => {
  const { known, sections } = await client.explain('j1');
  expect(known).toBe(true);
  expect(sections.find(({ title }) => title === 'watch')?.lines.join()).toContain('Temporal');
  expect(sections.find(({ title }) => title === 'blocked')?.lines.join()).toContain('deploying');
});

it('without a worker that answers, sweepNow and reapNow end', async () => {
  const connection = await Connection.connect({ address: inject('temporalAddress') });
  const temporal = new Client({ connection });
  const settings = readSettings({ DATABASE_URL: db.reaperUrl, REAPER_NAME: `alone-${randomUUID()}` });
  const lonely = new ReaperClient({ temporal, settings, by: 'ada' });
  try {
    await lonely.start('a-queue-that-nobody-serves');
    const withDeadline = connection.withDeadline.bind(connection);
    const limits: number[] = [];
    vi.spyOn(connection, 'withDeadline').mockImplementation((deadline, ask) => {
      limits.push(Number(deadline) - Date.now());
      return withDeadline(Date.now() + 500, ask);
    });
    // Together: either may reject first, and neither may do so unheard.
    await Promise.all(
      [lonely.sweepNow(), lonely.reapNow('j1')].map((asked) =>
        expect(asked).rejects.toThrow(WorkflowUpdateRPCTimeoutOrCancelledError),
      ),
    );
    expect(limits.map((limitMs) => Math.ceil(limitMs / 1000))).toEqual([60, 75]);
  } finally {
    await temporal.workflow.getHandle(settings.REAPER_NAME).terminate();
    await lonely.close();
    await connection.close();
  }
});

it('says at once that an operator without a name, and a host or hold that cannot be, are mistakes', async () => {
  const temporal = new Client({ connection: Connection.lazy() });
  const settings = readSettings({ DATABASE_URL: db.reaperUrl });
  for (const by of ['', ' ', '\0']) {
    expect(() => new ReaperClient({ temporal, settings, by })).toThrow(RangeError);
  }
  for (const name of ['', ' ', 'a\0']) {
    await expect(client.hostGone(name)).rejects.toThrow(RangeError);
  }
  await expect(client.release('job', ' ')).rejects.toThrow(RangeError);
  await expect(client.release('jobs' as 'job', 'j1')).rejects.toThrow(RangeError);
});
