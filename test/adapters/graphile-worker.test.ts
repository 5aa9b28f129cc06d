import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DoctorContext } from '../../src/cli/doctor/check.js';
import { ownRescueCheck } from '../../src/cli/doctor/own-rescue.js';
import { migrate } from '../../src/db/migrate.js';
import { bearsTheRest, failForGood, repairsWhatDied } from './behaviour.js';
import { GraphileWorld, load, type GraphileVersion } from './graphile-world.js';

// On the real package, with its workers in real processes. test/adapters/more has the rest.

let world: GraphileWorld;
const worker = (env?: Record<string, string>) => world.startWorker(env);

afterEach(async () => {
  await world.endWorkers();
  await world.admin.query(`delete from ${world.table('_private_jobs')}`);
});

describe.each<[GraphileVersion, string]>([
  ['graphile-worker', 'graphile_worker'],
  ['graphile-worker-before', 'Our "jobs"'],
])('%s in schema %s', (version, schema) => {
  beforeAll(async () => {
    world = await GraphileWorld.of(version, schema);
    await world.startReaper();
  }, 180_000);
  afterAll(() => world.end());

  it('begins with a dry run, and builds its index', async () => {
    expect(world.installed).toMatchObject({ adapter: 'graphile-worker', mode: 'observe', notes: [] });
    const { rows } = await world.admin.query(
      `select schemaname from pg_indexes where indexname = 'reaper_locked_idx'`,
    );
    expect(rows).toEqual([{ schemaname: schema }]);
  });

  repairsWhatDied(() => world);
  bearsTheRest(() => world);

  it('attempts used up: the job is permanently failed, and can be rescheduled by its API', async () => {
    const first = await worker();
    const id = await world.addJob({ hangs: true, maxAttempts: 1 });
    await failForGood(world, first, id);
    expect(await world.job(id)).toMatchObject({
      attempts: 1,
      max_attempts: 1,
      locked_at: null,
      locked_by: null,
      last_error: expect.stringMatching(/^reaped: dead pid=\d+ \(run_id=pool-\w+\)$/) as string,
    });
    const utils = await (await load(version)).makeWorkerUtils({ connectionString: world.url, schema });
    const second = await worker();
    expect(await utils.rescheduleJobs([id], { maxAttempts: 2 })).toHaveLength(1);
    await world.done(id);
    await utils.release();
    expect(await world.noted('end', id)).toEqual([second.pid]);
  });

  it('doctor names a job that graphile-worker itself runs again', async () => {
    const settings = { REAPER_MAX_RUNNING_S: 7200 };
    const check = async () =>
      ownRescueCheck.run({ admin: world.admin, settings } as unknown as DoctorContext);
    expect(await check()).toMatchObject([{ level: 'ok' }]);
    const id = await world.addJob({});
    await world.admin.query(
      `update ${world.table('_private_jobs')} set locked_by = 'a', locked_at = reaper.now() - interval '3h' where id = $1`,
      [id],
    );
    expect(await check()).toMatchObject([
      {
        level: 'warn',
        got: `graphile-worker, which unlocks jobs by their age: after 4h, and job ${id} has been running for 3h`,
        todo: expect.stringContaining('raise minResetLockedInterval') as string,
      },
    ]);
  });

  it('a named queue whose holder was killed goes on, in its order', async () => {
    const first = await worker();
    const ids = [await world.addJob({ hangs: true, queue: 'mail' }), await world.addJob({ queue: 'mail' })];
    const [one = '', two = ''] = ids;
    await world.started(one);
    const second = await worker({ CONCURRENCY: '2' });
    await first.kill();
    for (const id of ids) await world.done(id);
    expect(await world.noted('start', one)).toEqual([first.pid, second.pid]);
    expect(await world.noted('start', two)).toEqual([second.pid]);
    const { rows } = await world.admin.query(
      `select locked_at, locked_by from ${world.table('_private_job_queues')}`,
    );
    expect(rows).toEqual([{ locked_at: null, locked_by: null }]);
  });
});

describe('an upgrade of the queue', () => {
  beforeAll(async () => {
    world = await GraphileWorld.of('graphile-worker-before', 'graphile_worker');
  });
  afterAll(() => world.end());

  it('passes with the adapter in place, which serves the new version', async () => {
    await (
      await load('graphile-worker')
    ).runMigrations({ connectionString: world.url, schema: world.schema });
    expect(await migrate(world.url, null)).toMatchObject({
      adapter: 'graphile-worker',
      mode: 'active',
      notes: [],
    });
    await expect(world.admin.query('select * from reaper.running_job')).resolves.toMatchObject({
      rowCount: 0,
    });
  });
});
