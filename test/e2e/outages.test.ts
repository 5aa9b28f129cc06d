import { describe, expect, inject, it } from 'vitest';
import { freePort } from '../../servers/index.js';
import { Names } from '../../src/naming.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import { through, World } from '../support/world.js';

// Each waits most of the time, for limits of the server's or ours.
describe.concurrent('after a kill', () => {
  it('SIGKILL between the COMMIT of a claim and the end of its activity: one advance, one next job', async (test) => {
    const world = await World.of(test);
    const run = await insertRunningJob(world.db.admin, {
      id: 'j1',
      agent: 'developer',
      stage: 'development',
      exitCode: 0,
      exitedS: 600,
    });
    // Only ensures the reaper; the workflows run in the worker that is going to die.
    const probe = world.startWorker({ PARTS: 'probe', DATABASE_URL: world.db.probeUrl });
    const dying = world.startWorker({}, 'dying-worker.mjs');
    expect(await dying.end()).toBe('SIGKILL');
    expect(dying.count('committed: won')).toBe(1);
    expect(await world.jobStatus('j1')).toBe('done');

    world.startWorker({ PARTS: 'workflows' });
    const result: unknown = await world.client.workflow
      .getHandle(new Names(world.name).watchId(run))
      .result();
    expect(result).toMatchObject({ outcome: 'done', reason: 'exit0, gate green' });
    const { rows } = await world.db.admin.query(
      `select (select count(*) from reaper.ledger) as ledger, (select stage from tasks) as stage,
              count(*) filter (where agent = 'reviewer' and status = 'queued') as next, count(*) as jobs from jobs`,
    );
    expect(rows).toEqual([{ ledger: 1, stage: 'review', next: 1, jobs: 2 }]);
    expect(probe.count('away')).toBe(0);
  });

  it('SIGKILL of the worker while a streak runs: the next one goes on with it', async (test) => {
    const world = await World.of(test);
    await world.killedJob('j1');
    world.startWorker({ PARTS: 'probe', DATABASE_URL: world.db.probeUrl });
    const start = () =>
      world.startWorker({ PARTS: 'workflows', REAPER_HOST: 'host-2', REAPER_INTERVAL_S: '3' });
    const first = start();
    await eventually('the first dead observation', () => first.count('dead (streak 1/2), deferring') === 1);
    await first.kill();
    const second = start();
    await world.requeued('j1');
    expect(second.count('dead (streak 1/2), deferring')).toBe(0);
  });

  it('SIGKILL of a worker with its probe: the next one calls nothing dead until it is known to be gone', async (test) => {
    const world = await World.of(test);
    await world.killedJob('j1');
    const first = world.startWorker({ REAPER_INTERVAL_S: '3' });
    await eventually('its report', async () => {
      const { rowCount } = await world.db.admin.query('select from reaper.host_reporter');
      return rowCount;
    });
    await first.kill();
    expect(await world.jobStatus('j1')).toBe('running');
    const second = world.startWorker({ REAPER_INTERVAL_S: '3' });
    await world.requeued('j1', 120_000);
    await eventually('the line in the log', () => second.count('reaped -> queued') === 1);
    const { rows } = await world.db.admin.query('select what from reaper.host_warning');
    expect(rows).toEqual([]);
  });
});

describe.concurrent('servers that are away', () => {
  it('at start: waits for both, one line each, and goes on', async (test) => {
    const world = await World.of(test);
    const postgres = await world.startProxy(world.db.reaperUrl);
    const temporal = await world.startProxy(inject('temporalAddress'));
    await Promise.all([postgres.cut(), temporal.cut()]);
    await world.killedJob('j1');
    const worker = world.startWorker({
      DATABASE_URL: through(postgres, world.db.reaperUrl),
      TEMPORAL_ADDRESS: `127.0.0.1:${temporal.port}`,
    });
    await eventually('Postgres away', () => worker.count('Postgres is away'));
    await postgres.restore();
    await eventually('Temporal away', () => worker.count('Temporal is away'));
    await temporal.restore();
    await world.requeued('j1');
    for (const line of ['Postgres is away', 'Postgres is back', 'Temporal is away', 'Temporal is back']) {
      expect(worker.count(line), line).toBe(1);
    }
  });

  it('Postgres later: one line when it goes, one when it is back', async (test) => {
    const world = await World.of(test);
    const postgres = await world.startProxy(world.db.reaperUrl);
    const worker = world.startWorker({ DATABASE_URL: through(postgres, world.db.reaperUrl) });
    await eventually('the start', () => worker.count('was started'));
    await postgres.cut();
    await world.killedJob('j1');
    await eventually('Postgres away', () => worker.count('Postgres is away'));
    await postgres.restore();
    await world.requeued('j1');
    await eventually('Postgres back', () => worker.count('Postgres is back'));
    expect(worker.count('Postgres is away')).toBe(1);
    expect(worker.lines.length).toBeLessThan(15);
  });

  it('Temporal later, killed and started again with its database file', async (test) => {
    const world = await World.of(test);
    const [port, uiPort] = [await freePort(), await freePort()];
    const dbFile = `/tmp/${world.name}.db`;
    const serve = () => world.startTemporal({ port, uiPort, dbFile });
    const temporal = await serve();
    const worker = world.startWorker({ TEMPORAL_ADDRESS: temporal.address });
    await eventually('the start', () => worker.count('was started'));
    process.kill(temporal.pid ?? NaN, 'SIGKILL');
    await temporal.exited;
    await world.killedJob('j1');
    await eventually('Temporal away', () => worker.count('Temporal is away'));
    await serve();
    await world.requeued('j1', 60_000);
    await eventually('Temporal back', () => worker.count('Temporal is back'));
    expect(worker.count('Temporal is away')).toBe(1);
    expect(worker.lines.length).toBeLessThan(15);
  });

  it('Temporal wiped: the next sweep rebuilds everything from Postgres', async (test) => {
    const world = await World.of(test);
    const [port, uiPort] = [await freePort(), await freePort()];
    const serve = () => world.startTemporal({ port, uiPort });
    const temporal = await serve();
    const agent = world.startProcess();
    await insertRunningJob(world.db.admin, { id: 'j1', ...agent });
    const worker = world.startWorker({ TEMPORAL_ADDRESS: temporal.address });
    await eventually('the watch', async () => {
      const { rows } = await world.db.admin.query<{ watching: number }>('select watching from reaper.status');
      return rows[0]?.watching === 1;
    });
    await temporal.stop();
    await serve();
    await agent.kill();
    await world.requeued('j1', 60_000);
    expect(worker.count('was started')).toBe(2);
  });
});
