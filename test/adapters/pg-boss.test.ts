import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import type { DoctorContext } from '../../src/cli/doctor/check.js';
import { ownRescueCheck } from '../../src/cli/doctor/own-rescue.js';
import { workersCheck } from '../../src/cli/doctor/workers.js';
import { migrate } from '../../src/db/migrate.js';
import { claimRun } from '../support/claims.js';
import { createPool } from '../../src/db/pool.js';
import { loginAs } from '../support/logins.js';
import { startPgBouncer, whyNoPgBouncer } from '../support/pgbouncer.js';
import { eventually } from '../support/wait.js';
import { bearsTheRest, canBeDetached, failForGood, repairsWhatDied } from './behaviour.js';
import { BossWorld, createBoss, type BossVersion } from './pg-boss-world.js';
import { createAppDatabase, dropAppDatabase } from './queue-world.js';

// On the real packages, with their workers in real processes.

const REAPED = expect.stringMatching(/^reaped: dead pid=\d+ \(run_id=pgboss jr1\.[\w-]{32}\)$/) as string;
const noBouncer = whyNoPgBouncer();

let world: BossWorld;

describe.each<[BossVersion, string]>([
  ['pg-boss', 'pgboss'],
  ['pg-boss-before', 'our_jobs'],
])('%s in schema %s', (version, schema) => {
  const isBefore = version === 'pg-boss-before';

  beforeAll(async () => {
    world = await BossWorld.of(version, schema);
    await world.startReaper();
  }, 180_000);
  afterEach(async () => {
    await world.endWorkers();
    await world.admin.query(`delete from ${world.table('job')}`);
  });
  afterAll(() => world.end());

  it('begins with a dry run; every partition has the index and the trigger, those of the future too', async () => {
    expect(world.installed).toMatchObject({ adapter: 'pg-boss', mode: 'observe', notes: [] });
    await world.boss.createQueue('later', { partition: true });
    const { rows } = await world.admin.query<{ name: string; indexes: number; triggers: number }>(
      `select c.relname as name,
              (select count(*) from pg_inherits h join pg_index i on i.indexrelid = h.inhrelid and i.indisvalid
                where h.inhparent = to_regclass($1 || '.reaper_active_idx') and i.indrelid = c.oid) as indexes,
              (select count(*) from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'reaper_note' and t.tgenabled = 'O') as triggers
         from pg_partition_tree(to_regclass($1 || '.job')) p join pg_class c on c.oid = p.relid where p.isleaf`,
      [schema],
    );
    expect(rows.length).toBeGreaterThanOrEqual(2);
    for (const { name, ...found } of rows) expect([name, found]).toEqual([name, { indexes: 1, triggers: 1 }]);
    const { rows: parent } = await world.admin.query(
      `select indisvalid as valid from pg_index where indexrelid = to_regclass($1 || '.reaper_active_idx')`,
      [schema],
    );
    expect(parent).toEqual([{ valid: true }]);
  });

  it.skipIf(isBefore)("pg-boss' own doctor finds no drift", async () => {
    expect(await world.boss.detectSchemaDrift?.()).toMatchObject({ ok: true, columnDrift: [] });
  });

  repairsWhatDied(() => world);

  it('a job in a queue with a partition of its own, created after the adapter', async () => {
    await world.boss.createQueue('apart', { partition: true });
    const first = await world.startWorker({ QUEUES: 'apart' });
    const id = await world.send('apart', { hangs: true });
    await world.started(id);
    await first.kill();
    const second = await world.startWorker({ QUEUES: 'apart' });
    await world.done(id);
    expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
    expect(await world.claims(id)).toEqual([{ outcome: 'queued', tier: 1 }]);
  });

  it('attempts used up: the job is failed, and a copy is in its dead-letter queue', async () => {
    await world.boss.createQueue('dead', { retryLimit: 7 });
    await world.boss.createQueue('short', { deadLetter: 'dead' });
    const first = await world.startWorker({ QUEUES: 'short' });
    const id = await world.send('short', { hangs: true, maxAttempts: 1 });
    await failForGood(world, first, id);
    expect(await world.job(id)).toMatchObject({
      state: 'failed',
      retryCount: 0,
      output: { value: { message: REAPED } },
    });
    const [copy, ...more] = await world.boss.fetch('dead', { includeMetadata: true });
    expect(more).toEqual([]);
    expect(copy).toMatchObject({
      name: 'dead',
      data: { hangs: true },
      state: 'active',
      ...(isBefore
        ? { retryLimit: 0, output: { value: { message: REAPED } } }
        : {
            retryLimit: 7,
            sourceName: 'short',
            sourceId: id.slice(-36),
            sourceOutput: { value: { message: REAPED } },
          }),
    });
  });

  it('a retry that its policy does not allow: failed, in the ledger too, as pg-boss does', async () => {
    await world.boss.createQueue('one', { policy: 'stately' });
    const first = await world.startWorker({ QUEUES: 'one' });
    const id = await world.send('one', { hangs: true }, { singletonKey: 'k' });
    await world.started(id);
    // Another job of its key waits for a retry.
    const other = await world.send('one', {}, { singletonKey: 'k' });
    await world.admin.query(
      `update ${world.table('job')} set state = 'retry', start_after = now() + interval '1 day' where id = $1`,
      [other.slice(-36)],
    );
    await first.kill();
    await world.claimed(id);
    expect(await world.claims(id)).toEqual([{ outcome: 'failed', tier: 1 }]);
    expect(await world.job(id)).toMatchObject({ state: 'failed' });
    const { rows } = await world.admin.query(`select kind from reaper.notification where job_id = $1`, [id]);
    expect(rows).toEqual([{ kind: 'failed' }]);
  });

  it('waits before its retry as the job says', async () => {
    const fixed = await world.send('work', {}, { retryDelay: 600 });
    const growing = await world.send('work', {}, { retryDelay: 100, retryBackoff: true });
    expect(await world.boss.fetch('work', { batchSize: 2 })).toHaveLength(2);
    for (const id of [fixed, growing]) await claimOf(id);
    const waits = async (id: string) =>
      Math.round(((await world.job(id)).startAfter.getTime() - Date.now()) / 1000);
    expect(await world.job(fixed)).toMatchObject({ state: 'retry' });
    expect(Math.abs((await waits(fixed)) - 600)).toBeLessThan(60);
    // Once to twice as long at the first retry.
    const grown = await waits(growing);
    expect(grown).toBeGreaterThan(60);
    expect(grown).toBeLessThanOrEqual(200);
  });

  it(`a late finisher of the reaped run: ${isBefore ? 'ends the next one, which this version does not fence' : 'changes nothing'}`, async () => {
    const id = await world.send('work', {}, { retryDelay: 0 });
    const bare = id.slice(-36);
    await world.boss.fetch('work');
    await claimOf(id);
    await eventually('the next run', async () => (await world.boss.fetch('work')).length === 1);
    await world.boss.complete('work', isBefore ? bare : { id: bare, retryCount: 0 });
    expect((await world.job(id)).state).toBe(isBefore ? 'completed' : 'active');
  });

  it('its own expiry at the same time: one of both ends the run', async () => {
    const first = await world.startWorker({ CONCURRENCY: '5' });
    const ids: string[] = [];
    for (let job = 0; job < 5; job += 1)
      ids.push(await world.send('work', { hangs: true }, { expireInSeconds: 1 }));
    for (const id of ids) await world.started(id);
    await first.kill();
    const second = await world.startWorker({ CONCURRENCY: '5' });
    const over = new AbortController();
    const expiring = (async () => {
      while (!over.signal.aborted)
        await (isBefore ? world.boss.maintain?.() : world.boss.supervise?.('work'));
    })();
    for (const id of ids) await world.done(id);
    over.abort();
    await expiring;
    for (const id of ids) {
      expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
      expect(await world.noted('end', id)).toEqual([second.pid]);
      expect((await world.job(id)).retryCount).toBe(1);
    }
  });

  bearsTheRest(() => world);

  it.skipIf(noBouncer !== null)(
    'behind PgBouncer with default settings, with and without the line',
    async () => {
      const bouncer = await startPgBouncer('transaction', [world.url], 20);
      onTestFinished(() => bouncer.stop());
      const WORKER_URL = bouncer.through(world.url);
      const [named, other, plain] = [
        await world.startWorker({ WORKER_URL }),
        await world.startWorker({ WORKER_URL }),
        await world.startWorker({ WORKER_URL, WITHOUT_LINE: 'true' }),
      ];
      const ids: string[] = [];
      const takenBy = async (pid: number) => {
        const found: string[] = [];
        for (const id of ids) if ((await world.noted('start', id)).includes(pid)) found.push(id);
        return found;
      };
      await eventually('jobs of all workers', async () => {
        ids.push(await world.addJob({ hangs: true }));
        const taken = await Promise.all([named, other, plain].map(({ pid }) => takenBy(pid)));
        return taken.every((of) => of.length > 0);
      });
      const [known, kept, unknown] = [
        await takenBy(named.pid),
        await takenBy(other.pid),
        await takenBy(plain.pid),
      ];
      await named.kill();
      for (const id of known) await world.claimed(id);
      await world.sweeps();
      for (const id of kept) expect(await world.claims(id)).toEqual([]);
      for (const id of unknown) {
        expect(await world.claims(id)).toEqual([]);
        expect(await world.runner(id)).toMatch(isBefore ? /^pgboss$/ : /^pgboss:[0-9a-f]{8}$/);
      }
      expect(await doctor(WORKER_URL)).toEqual([
        'it keeps its name, but a session without a name has that of the one before',
        expect.stringMatching(/^no token: 1 worker with \d+ running jobs? \(pgboss/),
      ]);
    },
  );

  canBeDetached(
    () => world,
    (of) => `alter table ${of.table('job')} alter column retry_limit type bigint;
      alter table ${of.table('job')} alter column retry_limit type integer`,
    /error/,
  );

  it('the trigger: left alone if it is the same; named by doctor if it is disabled or absent, and put back', async () => {
    const job = world.table('job');
    const oid = async () => {
      const { rows } = await world.admin.query<{ oid: number }>(
        `select oid from pg_trigger where tgrelid = $1::regclass and tgname = 'reaper_note'`,
        [job],
      );
      return rows;
    };
    const before = await oid();
    await migrate(world.url, null);
    expect(await oid()).toEqual(before);
    // A version that takes it off in another way.
    await world.admin.query(`update reaper.adapter set detach = '-- before' || chr(10) || detach`);
    await migrate(world.url, null);
    expect(await oid()).toEqual(before);
    expect(await doctor()).toEqual(['all known']);
    await world.admin.query('revoke insert on reaper.run_process from reaper_note');
    expect(await doctor()).toContain('permission denied for table run_process');
    await migrate(world.url, null);
    expect(await doctor()).toEqual(['all known']);
    await world.admin.query(`alter table ${job} disable trigger reaper_note`);
    expect(await doctor()).toContain(`it is disabled on ${schema}.job`);
    await migrate(world.url, null);
    expect(await doctor()).toEqual(['all known']);
    // Dropping it locks the partitions first: a deadlock with each reader of the table.
    await world.admin.query(`lock table ${job} in access exclusive mode; drop trigger reaper_note on ${job}`);
    expect(await doctor()).toContain(`there is none on ${schema}.job`);
    await migrate(world.url, null);
    expect(await doctor()).toEqual(['all known']);
  });

  it('doctor names queues and jobs that pg-boss itself runs again too early', async () => {
    const ownRescue = async (REAPER_MAX_RUNNING_S: number) => {
      const context = { admin: world.admin, settings: { REAPER_MAX_RUNNING_S } } as unknown as DoctorContext;
      return (await ownRescueCheck.run(context)).map(({ level, got }) => `${level} ${got}`);
    };
    const name = (queue: string) => `pg-boss, by expireInSeconds of queue ${queue}`;
    await world.boss.createQueue('long', { expireInSeconds: 7200 });
    await world.boss.createQueue('brief', { expireInSeconds: 30 });
    expect(await ownRescue(60)).toEqual([`warn ${name('brief')}: after 30s`]);
    // Other tests have queues with the default, too.
    const [all = '', ...more] = await ownRescue(7200);
    expect(all.startsWith(`warn ${name('brief')}: after 30s; `)).toBe(true);
    expect(all).toContain(': after 15m');
    expect(all).not.toContain(name('long'));
    expect(more).toEqual([]);
    expect(await ownRescue(30)).toEqual([expect.stringMatching(/^ok /)]);

    const [by, own] = [
      await world.send('long', {}),
      await world.send('long', {}, { expireInSeconds: 40_000 }),
    ];
    expect(await world.boss.fetch('long', { batchSize: 2 })).toHaveLength(2);
    const age = (id: string, interval: string) =>
      world.admin.query(
        `update ${world.table('job')} set started_on = started_on - $2::interval where name || '/' || id = $1`,
        [id, interval],
      );
    await age(own, '90 min');
    expect(await ownRescue(30)).toEqual([expect.stringMatching(/^ok /)]);
    await age(by, '70 min');
    expect(await ownRescue(30)).toEqual([
      `warn ${name('long')}: after 2h, and job ${by} has been running for 1h10m`,
    ]);
    await age(own, '300 min');
    await age(by, '-70 min');
    expect(await ownRescue(30)).toEqual([
      `warn ${name('long')}: after 11h6m, and job ${own} has been running for 6h30m`,
    ]);
  });
});

describe('an upgrade of the queue', () => {
  beforeAll(async () => {
    world = await BossWorld.of('pg-boss-twelve');
  });
  afterAll(() => world.end());

  it('passes with the adapter in place, which serves the new version', async () => {
    await world.boss.createQueue('apart', { partition: true });
    const old = await world.send('apart', {});
    await world.boss.fetch('apart');
    const current = await createBoss('pg-boss', {
      connectionString: world.url,
      application_name: 'pgboss new',
    });
    await current.start();
    expect((await current.getJobById('apart', old.slice(-36)))?.state).toBe('active');
    expect(await migrate(world.url, null)).toMatchObject({ adapter: 'pg-boss', mode: 'active', notes: [] });
    const id = (await current.send('work', {})) ?? '';
    expect(await current.fetch('work')).toHaveLength(1);
    expect(await world.runner(`work/${id}`)).toBe('pgboss new');
    expect(await world.runner(old)).toBe('pgboss');
    await claimOf(`work/${id}`);
    expect((await current.getJobById('work', id))?.state).toBe('retry');
    await current.stop({ graceful: false });
  });
});

describe('installed by an administrator', () => {
  it('queues with a partition of their own can be created where default privileges keep functions from everybody', async () => {
    const database = await createAppDatabase();
    const boss = await createBoss('pg-boss', { connectionString: database.url });
    onTestFinished(async () => {
      await boss.stop({ graceful: false });
      await dropAppDatabase(database);
    });
    await boss.start();
    const url = new URL(inject('adminUrl'));
    url.pathname = database.name;
    const administrator = new pg.Client(url.href);
    await administrator.connect();
    await administrator.query(`revoke reaper, reaper_note from ${database.name};
      alter default privileges revoke execute on functions from public`);
    await administrator.end();
    // The owner may not do it alone.
    expect((await migrate(database.url, 'pg-boss')).notes).toEqual([
      expect.stringContaining(`have an administrator run GRANT reaper_note TO ${database.name}, then run`),
    ]);
    expect(await migrate(url.href, null)).toMatchObject({ notes: [] });
    await boss.createQueue('apart', { partition: true });
    await boss.send('apart', {});
    expect(await boss.fetch('apart')).toHaveLength(1);
  });
});

/** What the check of workers finds. */
async function doctor(workerUrl: string | null = null): Promise<string[]> {
  const reaper = createPool(loginAs('reaper', world.url), { applicationName: 'test', max: 1 });
  try {
    const context = { pool: reaper, admin: world.admin, workerUrl } as unknown as DoctorContext;
    return (await workersCheck.run(context)).map(({ got }) => got);
  } finally {
    await reaper.end();
  }
}

/** Claims the run of a job, as a watch does. */
async function claimOf(id: string): Promise<void> {
  const { rows } = await world.admin.query<{
    runKey: string;
    pid: number | null;
    processIdentity: string | null;
    attempts: number;
    max: number;
  }>(
    `select run_key as "runKey", pid, process_identity as "processIdentity", attempts, max_attempts as max from reaper.running_job where job_id = $1`,
    [id],
  );
  const run = rows[0];
  if (run === undefined) throw new Error(`Expected job ${id} to be running, got no such run`);
  const { runKey, pid, processIdentity } = run;
  const outcome = run.attempts < run.max ? 'queued' : 'failed';
  expect(
    await claimRun(
      world.admin,
      { jobId: id, runKey },
      { run: { jobId: id, runKey, pid, processIdentity, exitCode: null }, outcome },
    ),
  ).toMatchObject({
    result: 'won',
  });
}
