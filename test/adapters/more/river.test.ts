import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findWholeReads } from '../../../src/db/inspect/plans.js';
import { migrate } from '../../../src/db/migrate.js';
import { eventually } from '../../support/wait.js';
import {
  bearsTheRest,
  canBeDetached,
  createLatch,
  finishRun,
  goesByName,
  repairsWhatDied,
  startTen,
  staysInItsQueue,
  worksBehindPgBouncer,
} from '../behaviour.js';
import { hasGo } from '../go.js';
import { buildRiver, RiverWorld, runRiver } from '../river-world.js';

// What test/adapters/river.test.ts leaves out.

let world: RiverWorld;

afterEach(async () => {
  await world.endWorkers();
  await world.admin.query(`delete from ${world.table('river_job')}`);
});

describe.skipIf(!hasGo)('River (needs go)', () => {
  beforeAll(async () => {
    world = await RiverWorld.of('current');
    await world.startReaper();
  }, 400_000);
  afterAll(() => world.end());

  bearsTheRest(() => world);
  goesByName(() => world);
  staysInItsQueue(() => world);
  // What River needs there: no prepared statements, and no LISTEN.
  worksBehindPgBouncer(() => world, { search: '?default_query_exec_mode=exec', POLL_ONLY: 'true' });
  canBeDetached(
    () => world,
    () => `alter table river_job alter column kind type character varying;
      alter table river_job alter column kind type text`,
  );

  it('has an index of its own for the sweeps', async () => {
    await world.admin.query(
      `insert into river_job (kind, args) select 'other', '{}' from generate_series(1, 20000)`,
    );
    await world.admin.query('analyze river_job');
    expect(await findWholeReads(world.admin)).toEqual([]);
  });

  it("beside River's own rescue: each job is rescued by one of them", async () => {
    const { first, ids } = await startTen(world);
    await world.admin.query(`select reaper.pause('test', 'test')`);
    await first.kill();
    // So that the next client leads, and with that rescues, at once.
    await world.admin.query('delete from river_leader');
    const second = await world.startWorker({ CONCURRENCY: '10', RESCUE_AFTER: '1s' });
    await world.admin.query(`select reaper.resume('test')`);
    for (const id of ids) {
      await world.done(id);
      expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
      const { Errors: errors } = await world.api('get', id);
      expect(errors).toHaveLength(1);
      expect(await world.claims(id)).toHaveLength(errors?.[0]?.error.startsWith('reaped:') ? 1 : 0);
    }
  });

  it('is not fenced: the end of the old run counts if it comes first, and the other one is ignored', async () => {
    const latch = await createLatch();
    const first = await world.startWorker();
    const id = await world.addJob({ blocksUntil: latch.path });
    await world.started(id);
    expect(await finishRun(world, id, 'queued')).toBe(true);
    const second = await world.startWorker();
    await world.started(id, 2);
    await latch.open(1);
    await world.done(id);
    const completed = await world.api('get', id);
    await latch.open(2);
    await eventually('the end of the new run', async () => (await world.noted('end', id)).length === 2);
    expect(await world.noted('end', id)).toEqual([first.pid, second.pid]);
    await world.sweeps();
    expect(await world.api('get', id)).toEqual(completed);
  });

  it('a job that was cancelled while it ran is not started again', async () => {
    const worker = await world.startWorker();
    const id = await world.addJob({ hangs: true });
    await world.started(id);
    await world.api('cancel', id);
    await worker.kill();
    await world.claimed(id);
    expect(await world.api('get', id)).toMatchObject({
      State: 'cancelled',
      FinalizedAt: expect.any(String) as string,
    });
  });

  it('counts as one rescue what other rescues have counted', async () => {
    const worker = await world.startWorker();
    const id = await world.addJob({ hangs: true });
    await world.started(id);
    await world.admin.query(
      `update river_job set metadata = '{"river:rescue_count": 2, "mine": "kept"}' where id = $1`,
      [id],
    );
    expect(await finishRun(world, id, 'queued')).toBe(true);
    expect(await finishRun(world, id, 'queued')).toBe(false);
    await worker.kill();
    const { rows } = await world.admin.query('select metadata from river_job where id = $1', [id]);
    expect(rows).toEqual([{ metadata: { 'river:rescue_count': 3, mine: 'kept' } }]);
  });
});

describe.skipIf(!hasGo)('an upgrade of River in a schema of its own (needs go)', () => {
  beforeAll(async () => {
    world = await RiverWorld.of('before', 'our_jobs');
    await world.startReaper();
  }, 400_000);
  afterAll(() => world.end());

  repairsWhatDied(() => world);

  it('passes with the adapter in place and workers at work, and the adapter serves both versions', async () => {
    const old = await world.startWorker();
    const id = await world.addJob({ hangs: true });
    await world.started(id);
    const program = await buildRiver('current');
    await runRiver(program, world.url, world.schema, 'migrate');
    expect(await migrate(world.url, null)).toMatchObject({ adapter: 'river', mode: 'active', notes: [] });
    world.program = program;
    const current = await world.startWorker();
    await old.kill();
    await world.done(id);
    expect(await world.noted('start', id)).toEqual([old.pid, current.pid]);
  });
});
