import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { migrate } from '../../src/db/migrate.js';
import { createPool } from '../../src/db/pool.js';
import { readUnplacedWorkers } from '../../src/db/inspect/workers.js';
import { OpenTransaction } from '../support/locks.js';
import { loginAs } from '../support/logins.js';
import { eventually } from '../support/wait.js';
import { GraphileWorld, load, type GraphileVersion, type GraphileWorker } from './graphile-world.js';

// On the real package, with its workers in real processes.

let world: GraphileWorld;
let workers: GraphileWorker[] = [];

async function worker(env: Record<string, string> = {}): Promise<GraphileWorker> {
  const started = await world.startWorker(env);
  workers.push(started);
  return started;
}

afterEach(async () => {
  await Promise.all(workers.map((each) => each.kill()));
  workers = [];
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

  it('a killed worker: the job runs again on another one, exactly once', async () => {
    const first = await worker();
    const id = await world.addJob({ hangs: true });
    await world.started(id);
    const second = await worker();
    await first.kill();
    await world.gone(id);
    expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
    expect(await world.noted('end', id)).toEqual([second.pid]);
    await world.sweeps();
    expect(await world.claims(id)).toEqual([{ outcome: 'queued', tier: 1 }]);
  });

  it('a healthy job that blocks its event loop is left alone', async () => {
    const only = await worker();
    const folder = await mkdtemp(join(tmpdir(), 'job-reaper-blocked-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const blocksUntil = join(folder, 'file');
    const id = await world.addJob({ blocksUntil });
    await world.started(id);
    for (let sweep = 0; sweep < 3; sweep += 1) await world.sweeps();
    expect((await world.job(id))?.locked_by).toMatch(/^pool-/);
    await writeFile(blocksUntil, '');
    await world.gone(id);
    expect([await world.noted('start', id), await world.noted('end', id)]).toEqual([[only.pid], [only.pid]]);
    expect(await world.claims(id)).toEqual([]);
  });

  it('attempts used up: the job is permanently failed, and can be rescheduled by its API', async () => {
    const first = await worker();
    const id = await world.addJob({ hangs: true }, { maxAttempts: 1 });
    await world.started(id);
    await first.kill();
    await eventually('the claim', async () => (await world.claims(id)).length > 0);
    expect(await world.claims(id)).toEqual([{ outcome: 'failed', tier: 1 }]);
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
    await world.gone(id);
    await utils.release();
    expect(await world.noted('end', id)).toEqual([second.pid]);
  });

  it('a named queue whose holder was killed goes on, in its order', async () => {
    const first = await worker();
    const ids = [
      await world.addJob({ hangs: true }, { queue: 'mail' }),
      await world.addJob({}, { queue: 'mail' }),
    ];
    const [one = '', two = ''] = ids;
    await world.started(one);
    const second = await worker({ CONCURRENCY: '2' });
    await first.kill();
    for (const id of ids) await world.gone(id);
    expect(await world.noted('start', one)).toEqual([first.pid, second.pid]);
    expect(await world.noted('start', two)).toEqual([second.pid]);
    const { rows } = await world.admin.query(
      `select locked_at, locked_by from ${world.table('_private_job_queues')}`,
    );
    expect(rows).toEqual([{ locked_at: null, locked_by: null }]);
  });

  it('ten jobs of one killed process each run again once', async () => {
    const first = await worker({ CONCURRENCY: '10' });
    const ids: string[] = [];
    for (let job = 0; job < 10; job += 1) ids.push(await world.addJob({ hangs: true }));
    for (const id of ids) await world.started(id);
    await first.kill();
    const second = await worker({ CONCURRENCY: '10' });
    for (const id of ids) await world.gone(id);
    for (const id of ids) {
      expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
      expect(await world.noted('end', id)).toEqual([second.pid]);
      expect(await world.claims(id)).toHaveLength(1);
    }
  });

  it('a worker without the line: unknown, named, and never reaped, beside one that has it', async () => {
    const [plain, announced] = [await worker({ WITHOUT_LINE: 'true' }), await worker()];
    // Which worker takes which job is theirs to decide: four of them, so that both have one.
    const ids: string[] = [];
    const takenBy = async (pid: number) => {
      const found: string[] = [];
      for (const id of ids) if ((await world.noted('start', id)).includes(pid)) found.push(id);
      return found;
    };
    await eventually('a job of each worker', async () => {
      ids.push(await world.addJob({ hangs: true }));
      return (await takenBy(plain.pid)).length > 0 && (await takenBy(announced.pid)).length > 0;
    });
    const [[unknown = ''], [known = '']] = [await takenBy(plain.pid), await takenBy(announced.pid)];
    const pool = (await world.job(unknown))?.locked_by ?? '';
    await plain.kill();
    await announced.kill();
    await eventually(
      'the claim of the job that names a process',
      async () => (await world.claims(known)).length > 0,
    );
    await world.sweeps();
    expect(await world.claims(unknown)).toEqual([]);
    expect((await world.job(unknown))?.locked_by).toBe(pool);
    const reaper = createPool(loginAs('reaper', world.url), { applicationName: 'test', max: 1 });
    const found = await readUnplacedWorkers(reaper);
    await reaper.end();
    expect(found).toEqual({ isByName: true, unplaced: [{ why: 'none', count: 1, runs: 1, names: [pool] }] });
  });

  it('locks on everything of ours stall and fail no statement of the queue, not even at a start', async () => {
    const first = await worker({ CONCURRENCY: '4' });
    const locked = await OpenTransaction.begin(world.admin);
    try {
      await locked.run('drop schema reaper cascade');
      const ids: string[] = [];
      for (let job = 0; job < 50; job += 1) ids.push(await world.addJob({}));
      for (const id of ids) await world.gone(id);
      await first.kill();
      const second = await worker({ CONCURRENCY: '4' });
      const id = await world.addJob({});
      await world.gone(id);
      expect(await world.noted('end', id)).toEqual([second.pid]);
      for (const each of [first, second]) expect(each.printed).not.toMatch(/timeout|canceling|deadlock/i);
    } finally {
      await locked.rollback();
    }
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
