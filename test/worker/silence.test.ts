import { describe, expect, inject, it, type TestContext } from 'vitest';
import { freePort } from '../../servers/index.js';
import { OpenTransaction } from '../support/locks.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import { through, World } from '../support/world.js';

/** A worker that is ready, and the ways to its servers. */
async function startReady(test: TestContext) {
  const world = await World.of(test);
  const port = await freePort();
  const postgres = await world.startProxy(world.db.reaperUrl);
  const temporal = await world.startProxy(inject('temporalAddress'));
  const worker = world.startWorker({
    DATABASE_URL: through(postgres, world.db.reaperUrl),
    TEMPORAL_ADDRESS: `127.0.0.1:${temporal.port}`,
    REAPER_ADMIN_ADDR: String(port),
    REAPER_INTERVAL_S: '1',
  });
  const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  const isReady = async () => (await ask('/readyz')).status === 200;
  await eventually('readiness', isReady);
  /** Waits until the connections that the worker has are silent, and one is in use. */
  const silencePostgres = async () => {
    expect(postgres.silence()).toBeGreaterThan(0);
    await eventually('no readiness', async () => (await ask('/readyz')).status === 503);
  };
  const sweptAt = async () => {
    const { rows } = await world.db.admin.query<{ at: Date }>('select at from reaper.last_sweep');
    return rows[0]?.at.getTime() ?? 0;
  };
  /** Waits for a sweep that is later than the last one by more than so many milliseconds. */
  const sweepsGoOn = async (ms: number, limitMs = 60_000) => {
    const before = await sweptAt();
    await eventually('further sweeps', async () => (await sweptAt()) > before + ms, limitMs);
  };
  return { world, worker, temporal, ask, isReady, silencePostgres, sweepsGoOn };
}

// They wait for the limits of connections.
describe.concurrent('connections to Postgres that go silent', () => {
  it('are logged, do not affect health, and sweeps go on', async (test) => {
    const { ask, isReady, silencePostgres, sweepsGoOn } = await startReady(test);
    await silencePostgres();
    expect((await ask('/healthz')).status).toBe(200);
    await sweepsGoOn(1_000);
    await eventually('readiness', isReady);
  });

  it('do not keep a worker from stopping, and it says what it waited for', async (test) => {
    const { worker, silencePostgres } = await startReady(test);
    await silencePostgres();
    worker.signal('SIGTERM');
    await worker.end();
    expect(worker.lines.join('\n')).toMatch(
      /still stopping, waiting for .*"select .*" on "job-reaper worker \w+"/,
    );
  });
});

describe.concurrent('connections to Temporal that go silent', () => {
  it('are replaced, and sweeps go on', async (test) => {
    const { temporal, ask, sweepsGoOn } = await startReady(test);
    expect(temporal.silence()).toBeGreaterThan(0);
    await eventually('no readiness', async () => (await ask('/readyz')).status === 503);
    expect((await ask('/healthz')).status).toBe(200);
    await sweepsGoOn(1_000, 120_000);
  });

  it('do not keep a worker from stopping', async (test) => {
    const { worker, temporal } = await startReady(test);
    temporal.silence();
    worker.signal('SIGTERM');
    await worker.end();
    expect(worker.printed).not.toContain('Worker still in use');
  });
});

it.concurrent('rows that are locked for long delay no sweep, no other repair and no stop', async (test) => {
  const { world, worker, ask, sweepsGoOn } = await startReady(test);
  const { admin } = world.db;
  const dead = world.startProcess();
  await dead.kill();
  for (let n = 0; n < 12; n += 1) await insertRunningJob(admin, { id: `locked-${n}`, ...dead });
  const lock = await OpenTransaction.begin(admin);
  await lock.run('select from jobs for update');
  const isBusy = async () =>
    /job_reaper_claims_total{result="busy"} [1-9]/.test(await (await ask('/metrics')).text());
  await eventually('claims that were told of the lock', isBusy);
  await insertRunningJob(admin, { id: 'free', ...dead });
  await world.requeued('free');
  expect(await world.jobStatus('locked-0')).toBe('running');
  await sweepsGoOn(2_000);
  worker.signal('SIGTERM');
  expect(await worker.end()).toBe(0);
  await lock.rollback();
});
