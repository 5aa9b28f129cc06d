import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
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
