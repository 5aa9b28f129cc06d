import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { detach, migrate } from '../../../src/db/migrate.js';
import { findTriggerTrouble } from '../../../src/db/adapter/install-trigger.js';
import { findWholeReads } from '../../../src/db/inspect/plans.js';
import { OpenTransaction } from '../../support/locks.js';
import { eventually } from '../../support/wait.js';
import {
  bearsTheRest,
  canBeDetached,
  createLatch,
  startTen,
  startTwice,
  worksBehindPgBouncer,
} from '../behaviour.js';
import { installProcrastinate } from '../procrastinate.js';
import { ProcrastinateWorld } from '../procrastinate-world.js';

// What test/adapters/procrastinate.test.ts leaves out.

let world: ProcrastinateWorld;
const packages = await installProcrastinate();

describe.skipIf(packages === null)('Procrastinate in a schema of its own (needs python3 and PyPI)', () => {
  beforeAll(async () => {
    world = await ProcrastinateWorld.of(packages, 'our_jobs');
    await world.startReaper();
  });
  afterEach(async () => {
    await world.endWorkers();
    await world.admin.query(`select reaper.resume('test')`);
    await world.clear();
  });
  afterAll(() => world.end());

  bearsTheRest(() => world);
  canBeDetached(
    () => world,
    (of) => `alter table ${of.table('procrastinate_jobs')} alter column task_name type text;
      alter table ${of.table('procrastinate_jobs')} alter column task_name type character varying(128)`,
  );

  it('has an index of its own for the sweeps', async () => {
    await world.admin.query(
      `with j as (insert into ${world.table('procrastinate_jobs')} (queue_name, task_name, status)
         select 'default', 'other', 'succeeded' from generate_series(1, 20000) returning id)
       insert into ${world.table('procrastinate_events')} (job_id, type) select id, 'started' from j`,
    );
    await world.admin.query(`analyze ${world.table('procrastinate_jobs')}`);
    await world.admin.query(`analyze ${world.table('procrastinate_events')}`);
    expect(await findWholeReads(world.admin)).toEqual([]);
  });

  it('the lock of a lost job is free again: it runs, and then the next one of the same lock', async () => {
    const first = await world.startWorker();
    const one = await world.addJob({ hangs: true, lock: 'mail' });
    const two = await world.addJob({ lock: 'mail' });
    await world.started(one);
    // One that would wait long if nobody woke it.
    const second = await world.startWorker({ POLL_S: '600' });
    await first.kill();
    for (const id of [one, two]) await world.done(id);
    expect(await world.noted('start', one)).toEqual([first.pid, second.pid]);
    expect(await world.noted('start', two)).toEqual([second.pid]);
  });

  it('the lock of a failed job is free again, and whoever waits for it is woken', async () => {
    const first = await world.startWorker();
    const one = await world.addJob({ hangs: true, lock: 'mail', maxAttempts: 1 });
    const two = await world.addJob({ lock: 'mail' });
    await world.started(one);
    const second = await world.startWorker({ POLL_S: '600' });
    await first.kill();
    await world.done(two);
    expect(await world.job(one)).toMatchObject({ status: 'failed', lock: 'mail' });
    expect(await world.noted('start', two)).toEqual([second.pid]);
  });

  it('fails instead where another job waits with its queueing lock', async () => {
    const first = await world.startWorker();
    const one = await world.addJob({ hangs: true, queueingLock: 'report' });
    await world.started(one);
    const two = await world.addJob({ queueingLock: 'report' });
    await first.kill();
    await world.claimed(one);
    expect(await world.claims(one)).toEqual([{ outcome: 'failed', tier: 1 }]);
    expect(await world.job(one)).toMatchObject({ status: 'failed' });
    await world.startWorker();
    await world.done(two);
  });

  it('a job that was to be aborted is aborted', async () => {
    const worker = await world.startWorker();
    const id = await world.addJob({ hangs: true });
    await world.started(id);
    // Otherwise the worker itself would abort it.
    worker.signal('SIGSTOP');
    await world.api('abort', id);
    await worker.kill();
    await world.claimed(id);
    expect(await world.claims(id)).toEqual([{ outcome: 'failed', tier: 1 }]);
    expect(await world.job(id)).toMatchObject({ status: 'aborted', attempts: 1 });
  });

  it('a worker that was pruned meanwhile: its job still names it, and runs again', async () => {
    const first = await world.startWorker();
    const id = await world.addJob({ hangs: true });
    await world.started(id);
    const name = await world.runner(id);
    await world.admin.query(`select reaper.pause('test', 'test')`);
    await first.kill();
    const second = await prunedBy();
    expect(await workerOf(id)).toBeNull();
    expect(await world.runner(id)).toBe(name);
    await world.admin.query(`select reaper.resume('test')`);
    await world.done(id);
    expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
  });

  it('pruning goes on while our table is locked, and without it: the job is unknown then', async () => {
    const first = await world.startWorker();
    const id = await world.addJob({ hangs: true });
    await world.started(id);
    await world.admin.query(`select reaper.pause('test', 'test')`);
    await first.kill();
    const locked = await OpenTransaction.begin(world.admin);
    try {
      await locked.run('lock table reaper.run_process in access exclusive mode');
      await prunedBy();
    } finally {
      await locked.rollback();
    }
    expect(await workerOf(id)).toBeNull();
    expect(await world.runner(id)).toBeNull();
    await world.admin.query(`select reaper.resume('test')`);
    for (let sweep = 0; sweep < 3; sweep += 1) await world.sweeps();
    expect(await world.claims(id)).toEqual([]);
  });

  it.each<[what: string, sql: string]>([
    ['our table is gone', 'alter table reaper.run_process rename to other'],
    ['our schema is gone', 'alter schema reaper rename to other'],
    ['our table has other columns', 'alter table reaper.run_process rename column name to who'],
    ['our table takes no rows', 'alter table reaper.run_process add check (false) not valid'],
    [
      'the trigger lacks its rights',
      'revoke all on reaper.run_process from reaper_note; revoke all on schema reaper from reaper_note',
    ],
    [
      'a column that it reads has another name',
      `alter table our_jobs.procrastinate_events rename column at to happened_at`,
    ],
    ['an event without a time', `update our_jobs.procrastinate_events set at = null`],
  ])('workers are removed although %s', async (_, sql) => {
    const { worker, job } = await takenJob();
    const broken = await OpenTransaction.begin(world.admin);
    try {
      await broken.run('set local search_path = our_jobs');
      await broken.run(sql);
      const removed = await broken.client.query('delete from our_jobs.procrastinate_workers where id = $1', [
        worker,
      ]);
      expect(removed.rowCount).toBe(1);
      const { rows } = await broken.client.query(
        'select worker_id as worker, status from our_jobs.procrastinate_jobs where id = $1',
        [job],
      );
      expect(rows).toEqual([{ worker: null, status: 'doing' }]);
    } finally {
      await broken.rollback();
    }
  });

  it('workers are removed although another transaction writes the same note', async () => {
    const { worker, job } = await takenJob();
    const open = await OpenTransaction.begin(world.admin);
    try {
      await open.run(
        `insert into reaper.run_process (job_id, run_key, name)
         select job_id, run_key, 'other' from reaper.running_job where job_id = $1`,
        [job],
      );
      const removed = await world.admin.query('delete from our_jobs.procrastinate_workers where id = $1', [
        worker,
      ]);
      expect(removed.rowCount).toBe(1);
      expect(await world.runner(job)).toBeNull();
    } finally {
      await open.rollback();
    }
  });

  it('a worker that takes itself off the list when it ends does, with the trigger in place', async () => {
    const worker = await world.startWorker();
    const id = await world.addJob({});
    await world.done(id);
    worker.signal('SIGTERM');
    expect(await worker.end()).toBe(0);
  });

  it("beside Procrastinate's recipe for stalled jobs: each job is rescued once", async () => {
    const { first, ids } = await startTen(world);
    const second = await world.startWorker({ CONCURRENCY: '10' });
    await first.kill();
    // Its heartbeat is a second old soon: now and again, while the reaper is at it, too.
    for (let time = 0; time < 3; time += 1) await world.api('rescue', '1');
    for (const id of ids) {
      await world.done(id);
      expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
      expect((await world.claims(id)).length).toBeLessThanOrEqual(1);
    }
  });

  it('is not fenced: the end of the old run ends the job while it waits', async () => {
    const { first, second, id } = await startTwice(world);
    await eventually('the end of one run', async () => (await world.noted('end', id)).length > 0);
    await world.done(id);
    expect(await world.noted('start', id)).toHaveLength(2);
    expect([first.pid, second.pid]).toEqual(expect.arrayContaining(await world.noted('end', id)));
  });

  describe('ids that start over', () => {
    let before: number;
    beforeEach(async () => {
      await world.startOver();
      before = (await world.claims('1')).length;
    });

    it('a live worker without the line is not taken for a dead one that had its id', async () => {
      const dead = await world.startWorker();
      await eventually('its announcement', async () => (await tokens()).length > 0);
      const [token] = await tokens();
      await dead.kill();
      await world.startOver();
      await expect(world.admin.query(`select reaper.announce('1', $1)`, [token])).rejects.toMatchObject({
        code: '22023',
      });
      const plain = await world.startWorker({ WITHOUT_LINE: 'true' });
      const latch = await createLatch();
      const id = await world.addJob({ waitsUntil: latch.path });
      await world.started(id);
      expect(await workerOf(id)).toBe('1');
      for (let sweep = 0; sweep < 3; sweep += 1) await world.sweeps();
      await latch.open();
      await world.done(id);
      expect(await world.noted('start', id)).toEqual([plain.pid]);
      expect(await world.claims('1')).toHaveLength(before);
    });

    it("a pruned run is not taken for one that had its job's and its event's id", async () => {
      const dead = await world.startWorker();
      const id = await world.addJob({ hangs: true });
      await world.started(id);
      await world.admin.query(`select reaper.pause('test', 'test')`);
      await dead.kill();
      await prunedBy();
      await eventually('a note', async () => (await notes()) > 0);
      await world.endWorkers();
      await world.startOver();
      const live = await world.startWorker({ WITHOUT_LINE: 'true' });
      expect(await world.addJob({ hangs: true })).toBe(id);
      await world.started(id);
      live.signal('SIGSTOP');
      await prunedBy();
      expect(await workerOf(id)).toBeNull();
      await world.admin.query(`select reaper.resume('test')`);
      for (let sweep = 0; sweep < 3; sweep += 1) await world.sweeps();
      expect(await world.claims('1')).toHaveLength(before);
    });

    it('a job that has the ids of one that was repaired is repaired, too', async () => {
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
        await world.startOver();
      }
    });

    /** What workers have announced, the newest first. */
    async function tokens(): Promise<string[]> {
      const { rows } = await world.admin.query<{ token: string }>(
        'select token from reaper.queue_worker order by first_at desc',
      );
      return rows.map(({ token }) => token);
    }

    async function notes(): Promise<number> {
      const { rowCount } = await world.admin.query('select from reaper.run_process');
      return rowCount ?? 0;
    }
  });

  it('its trigger is found to be missing or disabled', async () => {
    const table = world.table('procrastinate_workers');
    expect(await findTriggerTrouble(world.admin)).toEqual([]);
    await world.admin.query(`alter table ${table} disable trigger reaper_note`);
    expect(await findTriggerTrouble(world.admin)).toHaveLength(1);
    await world.admin.query(`alter table ${table} enable trigger reaper_note`);
  });
});

describe.skipIf(packages === null)('Procrastinate in schema public (needs python3 and PyPI)', () => {
  beforeAll(async () => {
    world = await ProcrastinateWorld.of(packages);
    await world.startReaper();
  });
  afterAll(() => world.end());

  // What Procrastinate needs there.
  worksBehindPgBouncer(() => world, { POOLED: 'true' });
});

describe.skipIf(packages === null)('Procrastinate whose tables move (needs python3 and PyPI)', () => {
  beforeAll(async () => {
    world = await ProcrastinateWorld.of(packages, 'our_jobs');
  });
  afterAll(() => world.end());

  it('its trigger follows them, and it can be detached when they are gone', async () => {
    await world.admin.query('create schema moved');
    for (const [kind, catalog, column, schema] of [
      ['table', `pg_class where relkind = 'r'`, 'relname', 'relnamespace'],
      [
        'type',
        `pg_type where typtype in ('e', 'c') and typrelid = 0 or typname = 'procrastinate_job_to_defer_v1'`,
        'typname',
        'typnamespace',
      ],
    ] as const) {
      const { rows } = await world.admin.query<{ name: string }>(
        `select ${column} as name from (select * from ${catalog}) c where ${schema} = 'our_jobs'::regnamespace and ${column} like 'procrastinate%'`,
      );
      for (const { name } of rows) await world.admin.query(`alter ${kind} our_jobs.${name} set schema moved`);
    }
    const { rows: functions } = await world.admin.query<{ name: string }>(
      `select oid::regprocedure::text as name from pg_proc
        where pronamespace = 'our_jobs'::regnamespace and proname like 'procrastinate%'`,
    );
    for (const { name } of functions) await world.admin.query(`alter function ${name} set schema moved`);
    expect(await migrate(world.url, null, { schema: 'moved' })).toMatchObject({
      notes: [expect.stringContaining('so the dry run is on')],
    });
    expect(await findTriggerTrouble(world.admin)).toEqual([]);
    const { rows } = await world.admin.query(
      `select tgfoid::regproc::text as function from pg_trigger where tgname = 'reaper_note'`,
    );
    expect(rows).toEqual([{ function: 'moved.reaper_note' }]);
    await world.admin.query('drop schema moved cascade');
    expect(await detach(world.url)).toBe('procrastinate');
  });
});

/** A job that a worker has taken, in the tables alone. */
async function takenJob(): Promise<{ worker: string; job: string }> {
  const { rows } = await world.admin.query<{ id: string }>(
    `insert into our_jobs.procrastinate_workers default values returning id::text`,
  );
  const worker = rows[0]?.id ?? '';
  const job = await world.addJob({});
  // Procrastinate's own triggers name no schema.
  await world.admin.query(
    `begin; set local search_path = our_jobs;
     update procrastinate_jobs set status = 'doing', worker_id = ${worker} where id = ${job}; commit`,
  );
  return { worker, job };
}

/** A worker that starts and finds every other one stalled that has had no heartbeat for a second. */
async function prunedBy(): ReturnType<ProcrastinateWorld['startWorker']> {
  const { rows } = await world.admin.query<{ id: string }>(
    `select id::text from ${world.table('procrastinate_workers')}`,
  );
  await eventually('an old heartbeat', async () => {
    const { rowCount } = await world.admin.query(
      `select from ${world.table('procrastinate_workers')} where last_heartbeat > now() - interval '1.5 s'`,
    );
    return rowCount === 0;
  });
  const worker = await world.startWorker({ STALLED_S: '1' });
  await eventually('the old workers to be gone', async () => {
    const { rowCount } = await world.admin.query(
      `select from ${world.table('procrastinate_workers')} where id = any($1::bigint[])`,
      [rows.map(({ id }) => id)],
    );
    return rowCount === 0;
  });
  return worker;
}

async function workerOf(id: string): Promise<string | null | undefined> {
  const { rows } = await world.admin.query<{ worker_id: string | null }>(
    `select worker_id::text from ${world.table('procrastinate_jobs')} where id = $1`,
    [id],
  );
  return rows[0]?.worker_id;
}
