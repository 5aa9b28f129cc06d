import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type pg from 'pg';
import { finalize } from '../../demo/launcher/finalize.js';
import { recordExit } from '../../demo/launcher/record-exit.js';
import { freePort } from '../../servers/index.js';
import { createAdminPool, createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { Proxy } from '../support/proxy.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

/** Seconds for which the monitor does not reach Postgres. */
const AWAY_S = 10;

let db: TestDatabase;
let reaper: TestReaper;
let way: Proxy;
/** The monitor's connection. */
let monitor: pg.Pool;

beforeEach(async () => {
  db = await createTestDatabase();
  const url = new URL(db.adminUrl);
  const server = new URL(inject('adminUrl'));
  way = await Proxy.to({ host: server.hostname, port: Number(server.port) }, await freePort());
  url.hostname = '127.0.0.1';
  url.port = String(way.port);
  monitor = createAdminPool(url.href);
});
afterEach(async () => {
  await reaper.stop();
  await endProcesses();
  await monitor.end();
  await way.cut();
  await db.drop();
});

describe(`a monitor that does not reach Postgres for ${AWAY_S} s while its agent ends well`, () => {
  /** Returns whether the monitor could finalize. It reaches Postgres again once that time is over and this is so. */
  async function endWhileAway(
    confirmS: number,
    isTimeToReturn = () => Promise.resolve(true),
  ): Promise<boolean> {
    const agent = startProcess();
    const run = await insertRunningJob(db.admin, { id: 'j1', host: 'host-1', startedS: 7_000, ...agent });
    const taken = { jobId: run.jobId, runId: run.runId, taskId: null } as Parameters<typeof finalize>[1];
    reaper = await startReaper(db, { policy: { intervalS: 60, confirmS } });
    await reaper.sweepNow();
    await way.cut();
    await agent.kill();
    await Promise.all([setTimeout(AWAY_S * 1000), reaper.sweepNow()]);
    await eventually('the time to return', isTimeToReturn);
    await way.restore();
    await recordExit(monitor, taken, 0);
    return finalize(monitor, taken, { status: 'done', advance: null });
  }
  const isReaped = async () => (await db.admin.query('select from reaper.ledger')).rowCount === 1;

  it('keeps its run if two looks are further apart than that', async () => {
    expect(await endWhileAway(60)).toBe(true);
    expect(await readJob(db.admin, 'j1')).toMatchObject({ status: 'done' });
    expect(await isReaped()).toBe(false);
  });

  it('loses its run if they are closer: it runs again, and the monitor writes nothing', async () => {
    expect(await endWhileAway(0.5, isReaped)).toBe(false);
    expect(await readJob(db.admin, 'j1')).toMatchObject({ status: 'queued' });
    const { rows } = await db.admin.query<{ outcome: string; reason: string; exit_code: number | null }>(
      'select outcome, reason, exit_code from reaper.ledger',
    );
    expect(rows).toMatchObject([{ outcome: 'queued', exit_code: null }]);
    expect(rows[0]?.reason).toMatch(/^dead pid=/);
  });
});
