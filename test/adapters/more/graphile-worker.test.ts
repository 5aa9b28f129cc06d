import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/wait.js';
import { canBeDetached, startTen, startTwice, worksBehindPgBouncer } from '../behaviour.js';
import { GraphileWorld, type GraphileVersion } from '../graphile-world.js';

// What test/adapters/graphile-worker.test.ts leaves out.

let world: GraphileWorld;

describe.each<[GraphileVersion, string]>([
  ['graphile-worker', 'graphile_worker'],
  ['graphile-worker-before', 'Our "jobs"'],
])('%s in schema %s', (version, schema) => {
  beforeAll(async () => {
    world = await GraphileWorld.of(version, schema);
    await world.startReaper();
  }, 180_000);
  afterEach(async () => {
    await world.endWorkers();
    await world.admin.query(`delete from ${world.table('_private_jobs')}`);
  });
  afterAll(() => world.end());

  // What graphile-worker needs there.
  worksBehindPgBouncer(() => world, { POOLED: 'true' });
  // graphile-worker's own view is in the way, too: its migrations make that anew.
  canBeDetached(
    () => world,
    (of) => `do $$
      declare v_jobs text := pg_get_viewdef('${of.table('jobs')}'::regclass);
      begin
        drop view ${of.table('jobs')};
        alter table ${of.table('_private_tasks')} alter column identifier type character varying;
        alter table ${of.table('_private_tasks')} alter column identifier type text;
        execute 'create view ${of.table('jobs')} as ' || v_jobs;
      end $$`,
  );

  it('is not fenced: the end of the old run ends the job, and that of the new one is ignored', async () => {
    const { latch, first, second, id } = await startTwice(world, 'blocksUntil');
    await world.done(id);
    expect(await world.noted('end', id)).toEqual([first.pid]);
    await latch.open(2);
    await eventually('the end of the new run', async () => (await world.noted('end', id)).length === 2);
    expect(await world.noted('end', id)).toEqual([first.pid, second.pid]);
    const next = await world.addJob({});
    await world.done(next);
    expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
  });

  it("beside graphile-worker's own rescue: each job is rescued by one of them", async () => {
    const { first, ids } = await startTen(world);
    await world.admin.query(`select reaper.pause('test', 'test')`);
    await first.kill();
    // Half of them are old enough for it.
    await world.admin.query(
      `update ${world.table('_private_jobs')} set locked_at = locked_at - interval '4h' where id % 2 = 0`,
    );
    const second = await world.startWorker({ CONCURRENCY: '10', RESETS_MS: '100' });
    await world.admin.query(`select reaper.resume('test')`);
    for (const id of ids) await world.done(id);
    for (const id of ids) {
      expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
      expect(await world.noted('end', id)).toEqual([second.pid]);
      const claims = (await world.claims(id)).length;
      if (Number(id) % 2 === 0) expect(claims).toBeLessThanOrEqual(1);
      else expect(claims).toBe(1);
    }
  });
});
