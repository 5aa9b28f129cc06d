import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findWholeReads } from '../../../src/db/inspect/plans.js';
import { migrate } from '../../../src/db/migrate.js';
import { eventually } from '../../support/wait.js';
import {
  bearsTheRest,
  canBeDetached,
  goesByName,
  repairsWhatDied,
  startTen,
  startTwice,
  worksBehindPgBouncer,
} from '../behaviour.js';
import { DbosWorld, load } from '../dbos-world.js';

// What test/adapters/dbos.test.ts leaves out.

let world: DbosWorld;

afterEach(async () => {
  await world.endWorkers();
  await world.admin.query(`delete from ${world.table('workflow_status')}`);
});

describe('DBOS', () => {
  beforeAll(async () => {
    world = await DbosWorld.of('@dbos-inc/dbos-sdk');
    await world.startReaper();
  });
  afterAll(() => world.end());

  bearsTheRest(() => world);
  goesByName(() => world);
  worksBehindPgBouncer(() => world, { POOLED: 'true' });
  canBeDetached(
    () => world,
    () => `alter table dbos.workflow_status alter column executor_id type character varying;
      alter table dbos.workflow_status alter column executor_id type text`,
  );

  it('has an index of its own for the sweeps', async () => {
    await world.admin.query(
      `insert into dbos.workflow_status (workflow_uuid, status, name) select 'w' || n, 'SUCCESS', 'other' from generate_series(1, 20000) n`,
    );
    await world.admin.query('analyze dbos.workflow_status');
    expect(await findWholeReads(world.admin)).toEqual([]);
  });

  it('a workflow that was started without a queue runs again on another process', async () => {
    const first = await world.startWorker({ STARTS: '{"hangs":true}' });
    await eventually(
      'its start',
      async () => (await world.admin.query('select from noted where pid = $1', [first.pid])).rowCount === 1,
    );
    const { rows } = await world.admin.query<{ id: string }>(
      'select job_id as id from noted where pid = $1',
      [first.pid],
    );
    const id = rows[0]?.id ?? '';
    const second = await world.startWorker();
    await first.kill();
    await world.done(id);
    expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
    expect(await world.status(id)).toMatchObject({
      status: 'SUCCESS',
      output: second.pid,
      queueName: '_dbos_internal_queue',
    });
  });

  it('a queue that runs one workflow at a time goes on', async () => {
    const first = await world.startWorker({ GLOBAL_CONCURRENCY: '1' });
    const ids = [await world.addJob({ hangs: true }), await world.addJob({})];
    const [one = '', two = ''] = ids;
    await world.started(one);
    const second = await world.startWorker({ GLOBAL_CONCURRENCY: '1' });
    await first.kill();
    for (const id of ids) await world.done(id);
    expect(await world.noted('start', one)).toEqual([first.pid, second.pid]);
    expect(await world.noted('start', two)).toEqual([second.pid]);
  });

  it("beside DBOS's own recovery: each workflow is recovered by one of them", async () => {
    const { first, ids } = await startTen(world);
    const name = (await world.runner(ids[0] ?? '')) ?? '';
    await world.admin.query(`select reaper.pause('test', 'test')`);
    await first.kill();
    await world.admin.query(`select reaper.resume('test')`);
    const second = await world.startWorker({ CONCURRENCY: '10', RECOVERS: name });
    for (const id of ids) {
      await world.done(id);
      expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
      expect((await world.claims(id)).length).toBeLessThanOrEqual(1);
      expect(await world.status(id)).toMatchObject({ recoveryAttempts: 2, output: second.pid });
    }
  });

  it('is fenced: the old run can record nothing once it was reaped', async () => {
    const { latch, first, second, id } = await startTwice(world, 'blocksUntil');
    await eventually('the old run to give up', () => first.count(id) > 0);
    expect(await world.isDone(id)).toBe(false);
    await latch.open(2);
    await world.done(id);
    expect(await world.noted('end', id)).toEqual([second.pid]);
    expect(await world.status(id)).toMatchObject({ status: 'SUCCESS', output: second.pid });
  });
});

describe('an upgrade of DBOS in a schema of its own', () => {
  beforeAll(async () => {
    world = await DbosWorld.of('dbos-before', 'Our flows');
    await world.startReaper();
  });
  afterAll(() => world.end());

  repairsWhatDied(() => world);

  it('passes with the adapter in place and processes at work, and the adapter serves both versions', async () => {
    const old = await world.startWorker();
    const id = await world.addJob({ hangs: true });
    await world.started(id);
    world.version = '@dbos-inc/dbos-sdk';
    await (await load(world.version)).DBOS.migrate(world.url, { schemaName: world.schema });
    expect(await migrate(world.url, null)).toMatchObject({ adapter: 'dbos', mode: 'active', notes: [] });
    const current = await world.startWorker();
    await old.kill();
    await world.done(id);
    expect(await world.noted('start', id)).toEqual([old.pid, current.pid]);
  });
});
