import { describe, expect, it, type TestContext } from 'vitest';
import { Names } from '../../src/naming.js';
import { through, World } from '../support/world.js';
import { insertRunningJob } from '../support/rows.js';
import type { RunRef } from '../../src/domain/types.js';
import type { TestProcess } from '../support/process.js';
import { eventually } from '../support/wait.js';
import { inject } from 'vitest';

/** One sweep at the start, and then none while a test runs. */
const NO_SWEEPS = { REAPER_INTERVAL_S: '3600', REAPER_WATCH_ALL_LIMIT: '0', REAPER_MAX_RUNNING_S: '100000' };

interface Scene {
  world: World;
  agent: TestProcess;
  run: RunRef;
}

/** A job whose agent lives. */
async function scene(context: TestContext): Promise<Scene> {
  const world = await World.of(context);
  const agent = world.startProcess();
  const run = await insertRunningJob(world.db.admin, { id: 'j1', ...agent });
  return { world, agent, run };
}

const sweeps = async ({ db }: World) => {
  const { rows } = await db.admin.query<{ number: number }>(
    `select (summary ->> 'number')::integer as number from reaper.last_sweep`,
  );
  return rows[0]?.number ?? 0;
};
const firstSweep = (world: World) => eventually('the first sweep', () => sweeps(world));
const watchOf = ({ world, run }: Scene) =>
  eventually('its watch', () =>
    world.client.workflow.getHandle(new Names(world.name).watchId(run)).describe(),
  );

describe.concurrent('the sentinel of a worker', () => {
  it('has the watch of a dead run started without any sweep', async (context) => {
    const set = await scene(context);
    set.world.startWorker(NO_SWEEPS);
    await firstSweep(set.world);
    await set.agent.kill();
    await watchOf(set);
    expect(await sweeps(set.world)).toBe(1);
  });

  it('has a dead run repaired without any sweep, if its two looks need not be an interval apart', async (context) => {
    const world = await World.of(context);
    const agent = world.startProcess();
    // Older than an interval.
    await insertRunningJob(world.db.admin, { id: 'j1', ...agent, startedS: 4_000 });
    world.startWorker({ ...NO_SWEEPS, REAPER_CONFIRM_S: '0.5' });
    await firstSweep(world);
    await agent.kill();
    await world.requeued('j1');
    expect(await sweeps(world)).toBe(1);
  });

  it('works on a host that only probes', async (context) => {
    const set = await scene(context);
    const { world } = set;
    world.startWorker({ ...NO_SWEEPS, REAPER_HOST: 'host-2' });
    world.startWorker({ ...NO_SWEEPS, PARTS: 'probe', DATABASE_URL: world.db.probeUrl });
    await firstSweep(world);
    await set.agent.kill();
    await watchOf(set);
  });

  it('tells the reaper once Temporal is back', async (context) => {
    const set = await scene(context);
    const { world } = set;
    const temporal = await world.startProxy(inject('temporalAddress'));
    const worker = world.startWorker({ ...NO_SWEEPS, TEMPORAL_ADDRESS: `127.0.0.1:${temporal.port}` });
    await firstSweep(world);
    await temporal.cut();
    await set.agent.kill();
    await eventually('no Temporal', () => worker.count('Temporal') > 0);
    await temporal.restore();
    await watchOf(set);
  });

  it('goes on once Postgres is back', async (context) => {
    const set = await scene(context);
    const { world } = set;
    const postgres = await world.startProxy(world.db.reaperUrl);
    const worker = world.startWorker({ ...NO_SWEEPS, DATABASE_URL: through(postgres, world.db.reaperUrl) });
    await firstSweep(world);
    await postgres.cut();
    await set.agent.kill();
    await eventually('its failure', () => worker.count('the sentinel failed') > 0);
    await postgres.restore();
    await watchOf(set);
    expect(await sweeps(world)).toBe(1);
  });

  it('tells nothing if it is off, and the sweeps repair', async (context) => {
    const { world, agent } = await scene(context);
    world.startWorker({ REAPER_INTERVAL_S: '1', REAPER_WATCH_ALL_LIMIT: '0', REAPER_SENTINEL: 'false' });
    await firstSweep(world);
    await agent.kill();
    await world.requeued('j1');
    const { events } = await world.client.workflow.getHandle(world.name).fetchHistory();
    const signals = (events ?? []).map((event) => event.workflowExecutionSignaledEventAttributes?.signalName);
    expect(signals).not.toContain('symptoms');
  });
});
