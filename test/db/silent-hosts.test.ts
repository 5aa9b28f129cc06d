import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { publishPolicy } from '../../src/db/policy.js';
import { recordSweep } from '../../src/db/record-sweep.js';
import { DEFAULT_POLICY } from '../../src/domain/types.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob } from '../support/rows.js';

const INTERVAL_S = 10;

let db: TestDatabase;
let startMs: number;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.clean();
  startMs = Date.now();
  await publishPolicy(db.reaper, { ...DEFAULT_POLICY, intervalS: INTERVAL_S }, 'test');
  await insertRunningJob(db.admin, { host: 'a' });
  await insertRunningJob(db.admin, { host: 'a' });
});

/** A sweep so many intervals after the first one. */
async function sweep(interval: number, seen: { answered?: string[]; silent?: string[]; error?: string }) {
  await recordSweep(db.reaper, startMs + interval * INTERVAL_S * 1000, {
    hostsAnswered: seen.answered ?? [],
    hostsWithoutProbe: seen.silent ?? [],
    error: seen.error ?? null,
  });
}

async function alerts(): Promise<string[]> {
  const { rows } = await db.reaper.query<{ text: string }>(
    `select text from reaper.notification where kind = 'host without probe' order by id`,
  );
  return rows.map(({ text }) => text);
}

it('a host causes an alert after three silent intervals, and only one however long that lasts', async () => {
  for (const n of [0, 1, 2]) await sweep(n, { silent: ['a'] });
  expect(await alerts()).toEqual([]);
  for (const n of [3, 4, 50, 5000]) await sweep(n, { silent: ['a'] });
  const since = `${new Date(startMs).toISOString().slice(0, 19)}Z`;
  expect(await alerts()).toEqual([
    `⚠️ reaper: no probe answers on host a since ${since}: its 2 running jobs are unknown, none of them is reaped by a dead pid`,
  ]);
});

it('a host that was silent for less causes none', async () => {
  await sweep(0, { silent: ['a'] });
  await sweep(2, { answered: ['a'] });
  await sweep(3, { silent: ['a'] });
  await sweep(5, { silent: ['a'] });
  expect(await alerts()).toEqual([]);
});

it('the next outage causes another alert', async () => {
  for (const n of [0, 3]) await sweep(n, { silent: ['a'] });
  await sweep(4, { answered: ['a'] });
  for (const n of [5, 8]) await sweep(n, { silent: ['a'] });
  expect(await alerts()).toHaveLength(2);
});

it('a failed sweep asked no host: it ends no outage and begins none', async () => {
  await sweep(0, { silent: ['a'] });
  await sweep(2, { error: 'Postgres was away' });
  await sweep(3, { silent: ['a'] });
  expect(await alerts()).toHaveLength(1);
});

it('a host where nothing ran for a while is forgotten unless it caused an alert', async () => {
  const setAll = (status: string) => db.admin.query('update jobs set status = $1', [status]);
  await sweep(0, { silent: ['a'] });
  await setAll('queued');
  await sweep(1, {});
  await setAll('running');
  await sweep(3, { silent: ['a'] });
  expect(await alerts()).toEqual([]);
  await sweep(6, { silent: ['a'] });
  await setAll('queued');
  await sweep(7, {});
  await setAll('running');
  await sweep(20, { silent: ['a'] });
  expect(await alerts()).toHaveLength(1);
});

it('one host’s silence is no other’s', async () => {
  await insertRunningJob(db.admin, { host: 'b' });
  for (const n of [0, 3]) await sweep(n, { silent: ['a', 'b'] });
  expect(await alerts()).toEqual([
    expect.stringContaining('on host a '),
    expect.stringContaining('on host b '),
  ]);
});

it('a host that was declared gone needs no alert: an operator knows', async () => {
  await sweep(0, { silent: ['a'] });
  await db.reaper.query(`select reaper.declare_host_gone('a', 'op')`);
  await sweep(3, { silent: ['a'] });
  expect(await alerts()).toEqual([]);
});
