import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPool } from '../../src/db/pool.js';
import { freePort } from '../../src/servers/index.js';
import { claimRun, countLedger } from '../support/claims.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { OpenTransaction, waitsForLock } from '../support/locks.js';
import { Proxy } from '../support/proxy.js';
import { insertRunningJob } from '../support/rows.js';

let db: TestDatabase;
let proxy: Proxy;

beforeEach(async () => {
  db = await createTestDatabase();
  const { hostname: host, port } = new URL(db.reaperUrl);
  proxy = await Proxy.to({ host, port: Number(port) }, await freePort());
});
afterEach(async () => {
  await proxy.cut();
  await db.drop();
});

it('a connection that breaks under a claim fails the claim, and does not end the process', async () => {
  const url = new URL(db.reaperUrl);
  url.host = `127.0.0.1:${proxy.port}`;
  const pool = createPool(url.href, { applicationName: 'test broken' });
  const uncaught: Error[] = [];
  const keep = (error: Error) => void uncaught.push(error);
  process.on('uncaughtException', keep);
  try {
    const run = await insertRunningJob(db.admin, { id: 'j1' });
    const monitor = await OpenTransaction.begin(db.admin);
    await monitor.run(`select from jobs where id = 'j1' for update`);
    const failed = expect(claimRun(pool, run)).rejects.toThrow(/terminated/);
    await waitsForLock(db.admin, 'reaper.claim');
    await proxy.cut();
    await failed;
    await monitor.rollback();

    await proxy.restore();
    expect((await claimRun(pool, run)).result).toBe('won');
    expect(await countLedger(db.admin)).toBe(1);
    expect(uncaught).toEqual([]);
  } finally {
    process.off('uncaughtException', keep);
    await pool.end();
  }
});
