import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { claimMany } from '../../src/db/claim-many.js';
import { operateOnce } from '../../src/db/operate.js';
import { recordLeaseReclaim } from '../../src/db/record-lease-reclaim.js';
import type { RunRef } from '../../src/domain/types.js';
import { claimRun } from '../support/claims.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.drop());

/** Pauses from a thread of its own, and tells that it did through the shared memory, which needs no event loop. */
const OPERATOR = `
  const { Client } = require('pg');
  const { parentPort, workerData } = require('node:worker_threads');
  (async () => {
    const client = new Client(workerData.url);
    await client.connect();
    parentPort.once('message', async () => {
      await client.query("select reaper.pause('r', 'op')");
      await client.end();
      const done = new Int32Array(workerData.done);
      Atomics.store(done, 0, 1);
      Atomics.notify(done, 0);
    });
    parentPort.postMessage('ready');
  })();`;

/** The longest that this process does nothing at all. */
const BUSY_MS = 20_000;

const lease = {
  key: 'k1',
  repo: 'web',
  token: 't',
  pid: 7,
  host: 'host-1',
  identity: 'linux:7',
  acquiredAt: new Date('2026-01-01T00:00:00Z'),
  ttlS: 60,
  reason: 'dead pid=7',
  evidence: {},
};
const claim = {
  outcome: 'queued',
  tier: 1,
  reason: 'dead pid=4242',
  error: 'reaped',
  evidence: {},
  advance: null,
} as const;

it.each<[string, string, string, (run: RunRef) => Promise<{ result: string } | undefined>]>([
  ['a claim', 'jobs', 'won', (run) => claimRun(db.reaper, run, { lookedAtMs: Date.now() })],
  [
    'a batch of claims',
    'jobs',
    'won',
    async ({ jobId, runKey }) => {
      const run = { jobId, runKey, pid: 4242, processIdentity: null, exitCode: null };
      const batch = { claimer: 'c', workflowId: 'w', lookedAtMs: Date.now(), claims: [{ ...claim, run }] };
      return (await claimMany(db.reaper, batch))[0];
    },
  ],
  [
    'a reclaim of a lease',
    'reaper.lease_reclaim',
    'recorded',
    () => recordLeaseReclaim(db.reaper, lease, 'host-2'),
  ],
  [
    'a hold by a signal',
    'reaper.hold',
    'written',
    async () => {
      const hold = {
        action: 'hold',
        kind: 'repo',
        value: 'web',
        reason: 'r',
        seconds: 60,
        by: 'op',
      } as const;
      return { result: (await operateOnce(db.reaper, 'key', hold)) ? 'written' : 'nothing' };
    },
  ],
])(
  '%s commits although its process has no time for it, so a pause gets through',
  async (_, table, expected, write) => {
    const run = await insertRunningJob(db.admin, { id: 'a' });
    await db.admin.query(`
    create function take_a_second() returns trigger language plpgsql as $$ begin perform pg_sleep(1); return new; end $$;
    create trigger slow before insert or update on ${table} for each row execute function take_a_second()`);
    const done = new SharedArrayBuffer(4);
    const operator = new Worker(OPERATOR, { eval: true, workerData: { url: db.adminUrl, done } });
    try {
      await once(operator, 'message');
      const written = write(run);
      await eventually('the statement is in progress', async () => {
        const { rows } = await db.admin.query(`select from pg_stat_activity where wait_event = 'PgSleep'`);
        return rows.length > 0;
      });
      operator.postMessage('pause');
      const paused = Atomics.wait(new Int32Array(done), 0, 0, BUSY_MS) !== 'timed-out';
      expect(paused).toBe(true);
      expect(await written).toMatchObject({ result: expected });
    } finally {
      await operator.terminate();
    }
  },
);
