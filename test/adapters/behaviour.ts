import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { detach, migrate } from '../../src/db/migrate.js';
import { createPool } from '../../src/db/pool.js';
import { readUnplacedWorkers } from '../../src/db/inspect/workers.js';
import { formatToken } from '../../src/liveness/token.js';
import { OpenTransaction } from '../support/locks.js';
import { loginAs } from '../support/logins.js';
import { startPgBouncer, whyNoPgBouncer } from '../support/pgbouncer.js';
import { eventually } from '../support/wait.js';
import type { WorkerProcess } from '../support/worker-process.js';
import type { QueueWorld } from './queue-world.js';

// What is the same for every queue: tests on its real package, with its workers in real processes.

/** The path of a file that is not there yet, and how to create it, for all runs or for one. */
export async function createLatch(): Promise<{ path: string; open: (run?: number) => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-latch-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'file');
  return { path, open: (run) => writeFile(run === undefined ? path : `${path}.${run}`, '') };
}

/** The promise itself. */
export function repairsWhatDied(getWorld: () => QueueWorld): void {
  it('a killed worker: the job runs again on another one, exactly once', async () => {
    const world = getWorld();
    const first = await world.startWorker();
    const id = await world.addJob({ hangs: true });
    await world.started(id);
    expect(await world.isOpen(id)).not.toBe(false);
    const second = await world.startWorker();
    await first.kill();
    await world.done(id);
    expect(await world.isOpen(id)).not.toBe(true);
    expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
    expect(await world.noted('end', id)).toEqual([second.pid]);
    await world.sweeps();
    expect(await world.claims(id)).toEqual([{ outcome: 'queued', tier: 1 }]);
  });

  it('a healthy job that blocks its worker is left alone', async () => {
    const world = getWorld();
    const only = await world.startWorker();
    const latch = await createLatch();
    const id = await world.addJob({ blocksUntil: latch.path });
    await world.started(id);
    const name = await world.runner(id);
    for (let sweep = 0; sweep < 3; sweep += 1) await world.sweeps();
    expect(await world.runner(id)).toBe(name);
    await latch.open();
    await world.done(id);
    expect([await world.noted('start', id), await world.noted('end', id)]).toEqual([[only.pid], [only.pid]]);
    expect(await world.claims(id)).toEqual([]);
  });
}

/** Kills the worker of a job that has no attempts left, and waits until the reaper has failed it. */
export async function failForGood(world: QueueWorld, worker: WorkerProcess, id: string): Promise<void> {
  await world.started(id);
  await worker.kill();
  await world.claimed(id);
  expect(await world.claims(id)).toEqual([{ outcome: 'failed', tier: 1 }]);
  expect(await world.isOpen(id)).not.toBe(true);
}

/**
 * A run that is ended although it goes on, so that a second worker starts its job again. The first run ends once the latch is open
 * for it.
 *
 * @param how whether the first worker has time for others meanwhile
 */
export async function startTwice(world: QueueWorld, how: 'waitsUntil' | 'blocksUntil' = 'waitsUntil') {
  const latch = await createLatch();
  const first = await world.startWorker();
  const id = await world.addJob({ [how]: latch.path });
  await world.started(id);
  expect(await finishRun(world, id, 'queued')).toBe(true);
  expect(await finishRun(world, id, 'queued')).toBe(false);
  const second = await world.startWorker();
  await world.started(id, 2);
  await latch.open(1);
  return { latch, first, second, id };
}

/** A worker with ten jobs, whose first runs never end. */
export async function startTen(world: QueueWorld): Promise<{ first: WorkerProcess; ids: string[] }> {
  const first = await world.startWorker({ CONCURRENCY: '10' });
  const ids: string[] = [];
  for (let job = 0; job < 10; job += 1) ids.push(await world.addJob({ hangs: true }));
  for (const id of ids) await world.started(id);
  return { first, ids };
}

/** What else a fleet meets. */
export function bearsTheRest(getWorld: () => QueueWorld): void {
  it('ten jobs of one killed process each run again once', async () => {
    const world = getWorld();
    const { first, ids } = await startTen(world);
    await first.kill();
    const second = await world.startWorker({ CONCURRENCY: '10' });
    for (const id of ids) await world.done(id);
    for (const id of ids) {
      expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
      expect(await world.noted('end', id)).toEqual([second.pid]);
      expect(await world.claims(id)).toHaveLength(1);
    }
  });

  it('a worker without the line: unknown, named, and never reaped, beside one that has it', async () => {
    const world = getWorld();
    const plain = await world.startWorker({ WITHOUT_LINE: 'true' });
    const named = await world.startWorker();
    // Which worker takes which job is theirs to decide: enough of them, so that both have one.
    const ids: string[] = [];
    const takenBy = async (pid: number) => {
      const found: string[] = [];
      for (const id of ids) if ((await world.noted('start', id)).includes(pid)) found.push(id);
      return found;
    };
    await eventually('a job of each worker', async () => {
      ids.push(await world.addJob({ hangs: true }));
      return (await takenBy(plain.pid)).length > 0 && (await takenBy(named.pid)).length > 0;
    });
    const [[unknown = ''], [known = '']] = [await takenBy(plain.pid), await takenBy(named.pid)];
    const name = await world.runner(unknown);
    await plain.kill();
    await named.kill();
    await world.claimed(known);
    await world.sweeps();
    expect(await world.claims(unknown)).toEqual([]);
    expect(await world.runner(unknown)).toBe(name);
    const runs = (await takenBy(plain.pid)).length;
    expect(await readUnplaced(world)).toEqual({
      isByName: true,
      unplaced: [{ why: 'none', count: 1, runs, isNamed: true, names: [name] }],
    });
  });

  it('locks on everything of ours stall and fail no statement of the queue, not even at a start', async () => {
    const world = getWorld();
    const first = await world.startWorker({ CONCURRENCY: '4' });
    const locked = await OpenTransaction.begin(world.admin);
    try {
      await locked.run('drop schema reaper cascade');
      const ids: string[] = [];
      for (let job = 0; job < 50; job += 1) ids.push(await world.addJob({}));
      for (const id of ids) await world.done(id);
      await first.kill();
      const second = await world.startWorker({ CONCURRENCY: '4' });
      const id = await world.addJob({});
      await world.done(id);
      expect(await world.noted('end', id)).toEqual([second.pid]);
      // Where workers announce themselves, ours may tell that it has to wait.
      const queueOwn = [first, second]
        .flatMap(({ lines }) => lines)
        .filter((line) => !line.startsWith('job-reaper:'));
      expect(queueOwn.join('\n')).not.toMatch(/timeout|canceling|deadlock/i);
    } finally {
      await locked.rollback();
    }
  });
}

/** A repair puts a job back where it was. */
export function staysInItsQueue(getWorld: () => QueueWorld): void {
  it('a job of a named queue runs again on a worker of that queue', async () => {
    const world = getWorld();
    const first = await world.startWorker({ QUEUE: 'mail' });
    const id = await world.addJob({ queue: 'mail', hangs: true });
    await world.started(id);
    const other = await world.startWorker({ QUEUE: 'default' });
    await first.kill();
    await world.claimed(id);
    const another = await world.addJob({});
    await world.done(another);
    const second = await world.startWorker({ QUEUE: 'mail' });
    await world.done(id);
    expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
    expect(await world.noted('start', another)).toEqual([other.pid]);
    expect(await world.claims(id)).toEqual([{ outcome: 'queued', tier: 1 }]);
  });
}

/** What else there is to say where a worker's name is a token. */
export function goesByName(
  getWorld: () => QueueWorld & { rename: (id: string, name: string) => Promise<void> },
): void {
  it('a restart under the same name is another process', async () => {
    const world = getWorld();
    const first = await world.startWorker({ NAME: 'web' });
    const lost = await world.addJob({ hangs: true });
    await world.started(lost);
    await world.admin.query(`select reaper.pause('test', 'test')`);
    await first.kill();
    const second = await world.startWorker({ NAME: 'web', CONCURRENCY: '2' });
    const latch = await createLatch();
    const kept = await world.addJob({ waitsUntil: latch.path });
    await world.started(kept);
    expect([await world.runner(lost), await world.runner(kept)]).toEqual([
      expect.stringMatching(/^web\.jr1\./),
      expect.stringMatching(/^web\.jr1\./),
    ]);
    await world.admin.query(`select reaper.resume('test')`);
    await world.done(lost);
    expect(await world.noted('start', lost)).toEqual([first.pid, second.pid]);
    await world.sweeps();
    await latch.open();
    await world.done(kept);
    expect(await world.noted('start', kept)).toEqual([second.pid]);
    expect(await world.claims(kept)).toEqual([]);
  });

  it.each<[string, 'boot' | 'broken', (name: string) => string]>([
    ['of a boot that nobody has reported', 'boot', () => FOREIGN],
    ['that does not parse', 'broken', (name) => name.replace('jr1.', 'jr1.x')],
  ])('a token %s: unknown, named, and never reaped', async (_, why, change) => {
    const world = getWorld();
    const worker = await world.startWorker();
    const id = await world.addJob({ hangs: true });
    await world.started(id);
    const own = (await world.runner(id)) ?? '';
    const name = change(own);
    await world.rename(id, name);
    await worker.kill();
    for (let sweep = 0; sweep < 3; sweep += 1) await world.sweeps();
    expect(await world.claims(id)).toEqual([]);
    const { unplaced } = await readUnplaced(world);
    expect(unplaced).toEqual([{ why, count: 1, runs: 1, isNamed: true, names: [name] }]);
    await world.rename(id, own);
    await world.claimed(id);
  });
}

/**
 * What an upgrade of the queue may need.
 *
 * @param change SQL of a migration that the adapter is in the way of, and that changes nothing
 * @param trouble what the worker that starts meanwhile must not print
 */
export function canBeDetached(
  getWorld: () => QueueWorld,
  change: (world: QueueWorld) => string,
  trouble = /timeout|canceling|deadlock|cached plan/i,
): void {
  it('detached with workers at work: migrations pass, nothing is reaped and nothing fails, until it is attached', async () => {
    const world = getWorld();
    const first = await world.startWorker();
    const id = await world.addJob({ hangs: true });
    await world.started(id);
    await expect(world.admin.query(change(world))).rejects.toThrow('used by a view or rule');
    const ours = await readOurs(world);
    expect(await detach(world.url)).toBe(world.installed.adapter);
    const second = await world.startWorker();
    const meanwhile = await world.addJob({});
    expect(await readOurs(world)).toEqual([]);
    await world.admin.query(change(world));
    await world.done(meanwhile);
    await first.kill();
    const summary = async () => {
      const { rows } = await world.admin.query<{ error: string | null }>(
        `select summary ->> 'error' as error from reaper.last_sweep`,
      );
      return rows[0]?.error;
    };
    await eventually(
      'a sweep that says so',
      async () => (await summary())?.includes('the adapter is detached') === true,
    );
    await world.sweeps();
    expect(await world.claims(id)).toEqual([]);

    expect(await migrate(world.url, null)).toMatchObject({ mode: 'active', notes: [] });
    expect(await readOurs(world)).toEqual(ours);
    await world.done(id);
    expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
    expect(await world.noted('end', id)).toEqual([second.pid]);
    expect(await world.claims(id)).toEqual([{ outcome: 'queued', tier: 1 }]);
    await eventually('a sweep without an error', async () => (await summary()) === null);
    expect(second.printed).not.toMatch(trouble);
  });
}

/** Our indexes and triggers on the queue's tables, and our functions beside them. */
async function readOurs(world: QueueWorld): Promise<string[]> {
  const { rows } = await world.admin.query<{ name: string }>(
    `select indexname as name from pg_indexes where schemaname = $1 and indexname ~ '^reaper_'
     union all
     select t.tgname || ' on ' || c.relname from pg_trigger t join pg_class c on c.oid = t.tgrelid
      where c.relnamespace = to_regnamespace($2) and t.tgname ~ '^reaper_'
     union all
     select proname || '()' from pg_proc where pronamespace = to_regnamespace($2) and proname ~ '^reaper_'
     order by 1`,
    [world.schema, pg.escapeIdentifier(world.schema)],
  );
  return rows.map(({ name }) => name);
}

const noBouncer = whyNoPgBouncer();

/**
 * Names are in the rows, or announced, so it does not matter which session of a pooler writes them. The queue may need its own settings
 * there: `search` of the workers' URL, and their environment.
 */
export function worksBehindPgBouncer(
  getWorld: () => QueueWorld,
  { search = '', ...env }: Record<string, string> = {},
): void {
  const needs = noBouncer === null ? '' : ` (${noBouncer})`;
  it.skipIf(noBouncer !== null)(
    `behind PgBouncer with default settings: the dead worker's jobs run again once, those of the others go on, and those of one without the line are left alone${needs}`,
    async () => {
      const world = getWorld();
      // Default settings, but for fewer sessions than workers use, so that they share them.
      const bouncer = await startPgBouncer('transaction', [world.url], 2);
      onTestFinished(() => bouncer.stop());
      const own = { ...env, DATABASE_URL: bouncer.through(world.url) + search, CONCURRENCY: '4' };
      const first = await world.startWorker(own);
      const second = await world.startWorker(own);
      const plain = await world.startWorker({ ...own, WITHOUT_LINE: 'true' });
      const latch = await createLatch();
      const ids: string[] = [];
      const takenBy = async (pid: number) => {
        const found: string[] = [];
        for (const id of ids) if ((await world.noted('start', id))[0] === pid) found.push(id);
        return found;
      };
      await eventually('jobs of all workers', async () => {
        ids.push(await world.addJob({ waitsUntil: latch.path }));
        const taken = await Promise.all([first, second, plain].map(({ pid }) => takenBy(pid)));
        return taken.every((of) => of.length > 0);
      });
      const [lost, kept, unknown] = [
        await takenBy(first.pid),
        await takenBy(second.pid),
        await takenBy(plain.pid),
      ];
      const names = async (of: string[]) => [...new Set(await Promise.all(of.map((id) => world.runner(id))))];
      const [lostNames, keptNames, unknownNames] = [
        await names(lost),
        await names(kept),
        await names(unknown),
      ];
      expect(new Set([...lostNames, ...keptNames, ...unknownNames]).size).toBe(3);

      await plain.kill();
      await first.kill();
      for (const id of lost) await world.claimed(id);
      await world.sweeps();
      expect(await names(kept)).toEqual(keptNames);
      const { unplaced } = await readUnplaced(world);
      expect(unplaced).toEqual([
        { why: 'none', count: 1, runs: expect.any(Number) as number, isNamed: true, names: unknownNames },
      ]);
      await latch.open();
      for (const id of [...lost, ...kept]) await world.done(id);
      await world.sweeps();
      for (const id of lost) {
        expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
        expect(await world.noted('end', id)).toEqual([second.pid]);
        expect(await world.claims(id)).toEqual([{ outcome: 'queued', tier: 1 }]);
      }
      for (const id of kept) {
        expect(await world.noted('start', id)).toEqual([second.pid]);
        expect(await world.claims(id)).toEqual([]);
      }
      for (const id of unknown) expect(await world.claims(id)).toEqual([]);
      expect(await names(unknown)).toEqual(unknownNames);
    },
  );
}

const FOREIGN = String(
  formatToken({
    bootId: '0f1e2d3c-4b5a-4697-8877-665544332211',
    pidNamespace: '4026531836',
    pid: 4248,
    start: '1',
  }),
);

async function readUnplaced(world: QueueWorld): ReturnType<typeof readUnplacedWorkers> {
  const reaper = createPool(loginAs('reaper', world.url), { applicationName: 'test', max: 1 });
  try {
    return await readUnplacedWorkers(reaper);
  } finally {
    await reaper.end();
  }
}

/** Writes what a claim would write for the run of a job. */
export async function finishRun(
  world: QueueWorld,
  id: string,
  status: 'queued' | 'failed',
): Promise<boolean> {
  const { rows } = await world.admin.query<{ finished: boolean }>(
    `select reaper.finish(job_id, run_key, $2, 'reaped: test')::text <> 'false' as finished
       from reaper.running_job where job_id = $1`,
    [id, status],
  );
  return rows[0]?.finished === true;
}
