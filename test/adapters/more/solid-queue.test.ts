import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findWholeReads } from '../../../src/db/inspect/plans.js';
import { eventually } from '../../support/wait.js';
import {
  bearsTheRest,
  canBeDetached,
  createLatch,
  finishRun,
  startTen,
  startTwice,
  staysInItsQueue,
  worksBehindPgBouncer,
} from '../behaviour.js';
import { hasRubyPg } from '../solid-queue.js';
import { servesSolidQueue } from '../solid-queue-behaviour.js';
import { SolidQueueWorld } from '../solid-queue-world.js';

// What test/adapters/solid-queue.test.ts leaves out.

let world: SolidQueueWorld;

describe.skipIf(!hasRubyPg)('Solid Queue in a schema of its own (needs ruby with pg)', () => {
  beforeAll(async () => {
    world = await SolidQueueWorld.create('our_jobs');
    await world.startReaper();
  });
  afterEach(async () => {
    await world.endWorkers();
    await world.admin.query(`select reaper.resume('test')`);
    await world.clear();
  });
  afterAll(() => world.end());

  bearsTheRest(() => world);
  staysInItsQueue(() => world);
  servesSolidQueue(() => world);
  // As its migration of version 0.6 does, the last one that changes a table.
  canBeDetached(
    () => world,
    (of) => `alter table ${of.table('solid_queue_processes')}
        alter column name type character varying, alter column name set not null`,
  );

  it('a killed fork whose supervisor is gone, too: its job runs again', async () => {
    const supervisor = await world.startWorker({ MODE: 'fork' });
    const id = await world.addJob({ hangs: true });
    await world.started(id);
    const [fork = NaN] = await world.noted('start', id);
    await supervisor.kill();
    process.kill(fork, 'SIGKILL');
    const other = await world.startWorker();
    await world.done(id);
    expect(await world.noted('start', id)).toEqual([fork, other.pid]);
  });

  it('a worker that cannot have its random id works without it, unknown', async () => {
    await world.admin.query(`
      create function our_jobs.refuse() returns trigger language plpgsql as $$ begin raise 'out of range'; end $$;
      create trigger refuse before insert on our_jobs.solid_queue_processes
        for each row when (new.id > 2147483647) execute function our_jobs.refuse()`);
    try {
      const worker = await world.startWorker();
      const latch = await createLatch();
      const id = await world.addJob({ waitsUntil: latch.path });
      await world.started(id);
      const { rows } = await world.admin.query(
        'select pid, process_identity as identity from reaper.running_job where job_id = $1',
        [id],
      );
      expect(rows).toEqual([{ pid: null, identity: null }]);
      await latch.open();
      await world.done(id);
      expect(await world.noted('start', id)).toEqual([worker.pid]);
    } finally {
      await world.admin.query('drop function our_jobs.refuse() cascade');
    }
  });

  it("beside Solid Queue's own pruning: each job is either failed by it or runs again", async () => {
    const { first, ids } = await startTen(world);
    const second = await world.startWorker({ CONCURRENCY: '10' });
    await first.kill();
    await eventually('the first claims', async () => {
      for (const id of ids) if ((await world.claims(id)).length > 0) return true;
      return false;
    });
    await prune(first.pid);
    for (const id of ids) {
      await eventually(
        'its end',
        async () => (await world.isDone(id)) || (await world.states(id))[0] === 'failed',
      );
      const claims = (await world.claims(id)).length;
      const isDone = await world.isDone(id);
      expect([isDone, claims]).toEqual(isDone ? [true, 1] : [false, 0]);
      expect(await world.noted('start', id)).toEqual(isDone ? [first.pid, second.pid] : [first.pid]);
    }
  });

  it('is fenced: the end of the old run changes nothing', async () => {
    const { latch, first, second, id } = await startTwice(world);
    await latch.open(2);
    await world.done(id);
    expect(await world.noted('start', id)).toHaveLength(2);
    expect([first.pid, second.pid]).toEqual(expect.arrayContaining(await world.noted('start', id)));
    expect(await world.states(id)).toEqual([]);
  });

  it('is not fenced up to version 1.4: the end of the old run is that of the job, and frees its place', async () => {
    const latch = await createLatch();
    const first = await world.startWorker({ FENCED: 'false' });
    const one = await world.addJob({ key: 'mail', waitsUntil: latch.path });
    const two = await world.addJob({ key: 'mail' });
    await world.started(one);
    expect(await finishRun(world, one, 'queued')).toBe(true);
    const second = await world.startWorker({ FENCED: 'false', CONCURRENCY: '2' });
    await world.started(one, 2);
    expect(await world.states(two)).toEqual(['blocked']);
    await latch.open(1);
    await world.done(one);
    await world.done(two);
    expect([await world.noted('end', one), await world.states(one)]).toEqual([[first.pid], ['claimed']]);
    await latch.open(2);
    await eventually('the end of the new run', async () => (await world.states(one)).length === 0);
    expect(await world.noted('end', one)).toEqual([first.pid, second.pid]);
  });

  it('an upgrade from version 1.4, whose tables are the same: jobs of old workers run again on new ones', async () => {
    const old = await world.startWorker({ FENCED: 'false' });
    const id = await world.addJob({ hangs: true });
    await world.started(id);
    const current = await world.startWorker();
    await old.kill();
    await world.done(id);
    expect(await world.noted('start', id)).toEqual([old.pid, current.pid]);
  });

  it('a job that fails leaves its place to the next one of its key, which a worker takes', async () => {
    const first = await world.startWorker();
    const one = await world.addJob({ key: 'mail', hangs: true });
    const two = await world.addJob({ key: 'mail' });
    await world.started(one);
    await world.admin.query(
      `insert into reaper.ledger (job_id, run_key, outcome, tier, reason, evidence, claimer, workflow_id)
       select $1, 'before-' || n, 'queued', 1, 'before', '{}', 'test', 'test' from generate_series(1, 2) n`,
      [one],
    );
    const second = await world.startWorker();
    await first.kill();
    await world.done(two);
    expect([await world.states(one), await world.noted('start', one)]).toEqual([['failed'], [first.pid]]);
    expect(await world.noted('start', two)).toEqual([second.pid]);
  });

  describe('ids that start over', () => {
    it("a claim that outlived its worker's row is not the next worker's that has its id", async () => {
      const plain = await world.startWorker({ WITHOUT_LINE: 'true' });
      const latch = await createLatch();
      const id = await world.addJob({ waitsUntil: latch.path });
      await world.started(id);
      const dead = await world.startWorker();
      await dead.kill();
      // The row of the dead one, under the id of the one that lives.
      const table = world.table('solid_queue_processes');
      const { rows } = await world.admin.query<{ id: string }>(
        `delete from ${table} where pid = $1 returning id`,
        [plain.pid],
      );
      const { rowCount } = await world.admin.query(`update ${table} set id = $2 where pid = $1`, [
        dead.pid,
        rows[0]?.id,
      ]);
      expect(rowCount).toBe(1);
      for (let sweep = 0; sweep < 3; sweep += 1) await world.sweeps();
      expect(await world.claims(id)).toEqual([]);
      await latch.open();
      await world.done(id);
      expect(await world.noted('start', id)).toEqual([plain.pid]);
    });

    it('a job that has the ids of one that was repaired is repaired, too', async () => {
      await world.clear('restart');
      const before = (await world.claims('1')).length;
      for (const claims of [1, 2]) {
        const dead = await world.startWorker();
        const id = await world.addJob({ hangs: true });
        expect(id).toBe('1');
        await world.started(id);
        await dead.kill();
        await world.startWorker();
        await world.done(id);
        expect(await world.claims(id)).toHaveLength(before + claims);
        await world.endWorkers();
        await world.clear('restart');
      }
    });
  });

  it('has indexes of its own for the sweeps', async () => {
    await world.admin.query(
      `insert into our_jobs.solid_queue_jobs (queue_name, class_name, created_at, updated_at, finished_at)
       select 'default', 'Other', now(), now(), now() from generate_series(1, 20000)`,
    );
    await world.admin.query('analyze our_jobs.solid_queue_jobs');
    expect(await findWholeReads(world.admin)).toEqual([]);
  });
});

describe.skipIf(!hasRubyPg)('Solid Queue in schema public (needs ruby with pg)', () => {
  beforeAll(async () => {
    world = await SolidQueueWorld.create();
    await world.startReaper();
  });
  afterAll(() => world.end());

  worksBehindPgBouncer(() => world);
});

/** What another supervisor does with a process whose heartbeat is old. */
async function prune(pid: number): Promise<void> {
  const { rows } = await world.admin.query<{ id: string; job: string }>(
    `select c.id, c.job_id as job from our_jobs.solid_queue_claimed_executions c
       join our_jobs.solid_queue_processes p on p.id = c.process_id where p.pid = $1`,
    [pid],
  );
  const client = await world.admin.connect();
  try {
    for (const { id, job } of rows) {
      await client.query('begin');
      const { rowCount } = await client.query(
        'select from our_jobs.solid_queue_claimed_executions where id = $1 for update',
        [id],
      );
      if (rowCount === 1) {
        await client.query(
          `insert into our_jobs.solid_queue_failed_executions (job_id, error, created_at) values ($1, '{}', now())`,
          [job],
        );
        await client.query('delete from our_jobs.solid_queue_claimed_executions where id = $1', [id]);
      }
      await client.query('commit');
    }
    await client.query('delete from our_jobs.solid_queue_processes where pid = $1', [pid]);
  } finally {
    client.release();
  }
}

describe('limits of concurrency', () => {
  beforeAll(async () => {
    world = await SolidQueueWorld.create();
  });
  afterEach(() => world.clear());
  afterAll(() => world.end());

  it('a job that runs again keeps its place', async () => {
    const [one, two] = [await world.addJob({ key: 'mail' }), await world.addJob({ key: 'mail' })];
    await claim(one);
    expect(await finishRun(world, one, 'queued')).toBe(true);
    expect([await world.states(one), await world.states(two)]).toEqual([['ready'], ['blocked']]);
    expect(await world.semaphore('mail')).toMatchObject({ value: 0 });
  });

  it('the place of a job that has failed goes to the first that waits, for as long as it needs', async () => {
    const ids: string[] = [];
    for (let job = 0; job < 3; job += 1) ids.push(await world.addJob({ key: 'mail' }));
    const [one = '', two = '', three = ''] = ids;
    await claim(one);
    await world.admin.query(`update solid_queue_semaphores set expires_at = timezone('UTC', now())`);
    expect(await finishRun(world, one, 'failed')).toBe(true);
    expect([await world.states(one), await world.states(two), await world.states(three)]).toEqual([
      ['failed'],
      ['ready'],
      ['blocked'],
    ]);
    const { value, expires = NaN } = (await world.semaphore('mail')) ?? {};
    expect(value).toBe(0);
    expect(expires).toBeGreaterThan(120);
  });

  it('where nobody waits, it is free', async () => {
    const id = await world.addJob({ key: 'mail' });
    await claim(id);
    expect(await finishRun(world, id, 'failed')).toBe(true);
    expect(await world.semaphore('mail')).toMatchObject({ value: 1 });
    const next = await world.addJob({ key: 'mail' });
    expect(await world.states(next)).toEqual(['ready']);
  });

  it('never are there more places than the limit', async () => {
    const [one, two] = [await world.addJob({ key: 'mail' }), await world.addJob({ key: 'mail' })];
    await claim(one);
    await world.admin.query(
      'delete from solid_queue_blocked_executions; update solid_queue_semaphores set value = 1',
    );
    expect(await finishRun(world, one, 'failed')).toBe(true);
    expect(await world.semaphore('mail')).toMatchObject({ value: 1 });
    expect(await world.states(two)).toEqual([]);
  });

  it('a semaphore that has expired and come again does not count the job', async () => {
    const one = await world.addJob({ key: 'mail' });
    await claim(one);
    await world.admin.query('delete from solid_queue_semaphores');
    const [two, three] = [await world.addJob({ key: 'mail' }), await world.addJob({ key: 'mail' })];
    expect(await finishRun(world, one, 'failed')).toBe(true);
    expect([await world.states(two), await world.states(three)]).toEqual([['ready'], ['blocked']]);
    expect(await world.semaphore('mail')).toMatchObject({ value: 0 });
  });
});

/** Takes a job as a worker does. */
async function claim(id: string): Promise<void> {
  await world.admin.query('delete from solid_queue_ready_executions where job_id = $1', [id]);
  await world.admin.query(
    `insert into solid_queue_claimed_executions (job_id, process_id, created_at) values ($1, 1, timezone('UTC', now()))`,
    [id],
  );
}
