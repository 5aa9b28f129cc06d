import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { sessionName } from '../../../src/stamp.js';
import { cli } from '../../cli/support.js';
import { loginAs } from '../../support/logins.js';
import { SmallDisk } from '../../support/small-disk.js';
import { eventually } from '../../support/wait.js';
import { createBoss, BossWorld, type Boss } from '../pg-boss-world.js';
import { installProcrastinate } from '../procrastinate.js';
import { ProcrastinateWorld } from '../procrastinate-world.js';
import type { QueueWorld } from '../queue-world.js';

// The disk of our tables is full: the queue's own statements go on as if nothing were wrong, and we go on once there is room again.

const FULL = '53100';
const SAID = /workers: .*No space left on device/;
/** Whatever else doctor has to say meanwhile, it is no wrong remedy. */
const WRONG =
  /add the line|correct the adapter|job-reaper migrate|correct DATABASE_URL|fix this first|make launchers|start a worker|see the worker/;
const packages = await installProcrastinate();
const canMount = await SmallDisk.canMount();
const needs = '(needs root, a mount of a tmpfs, and a server on this machine)';

describe.skipIf(!canMount)(`the disk of our tables is full ${needs}`, () => {
  let world: QueueWorld;
  let disk: SmallDisk;

  /** Fills the disk, and what room is left in the pages of the table of notes. */
  async function fill(): Promise<void> {
    disk.fill();
    for (let row = 0; row < 10_000; row += 1) {
      try {
        await world.admin.query(
          `insert into reaper.run_process (job_id, run_key, name) values ('filler', $1, '')`,
          [row],
        );
      } catch (error) {
        expect(error).toMatchObject({ code: FULL });
        return;
      }
    }
    throw new Error('Expected the disk to be full, got room for each row');
  }

  async function end(): Promise<void> {
    disk.free();
    try {
      await world.end();
    } finally {
      await disk.unmount();
    }
  }

  /** What doctor prints. */
  async function doctor(): Promise<string> {
    const { stdout, stderr } = await cli(['doctor'], {
      DATABASE_URL: loginAs('reaper', world.url),
      DATABASE_ADMIN_URL: world.url,
      REAPER_NAME: world.database.name,
      TEMPORAL_ADDRESS: inject('temporalAddress'),
    });
    return stdout + stderr;
  }

  /** A worker dies, and its job runs again on another one. */
  async function repairsAgain(): Promise<void> {
    await world.endWorkers();
    const first = await world.startWorker();
    const id = await world.addJob({ hangs: true });
    await world.started(id);
    expect(await world.runner(id)).not.toBeNull();
    const second = await world.startWorker();
    await first.kill();
    await world.done(id);
    expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
    expect(await world.claims(id)).toEqual([{ outcome: 'queued', tier: 1 }]);
  }

  describe('pg-boss', () => {
    let boss: Boss;
    beforeAll(async () => {
      world = await BossWorld.of('pg-boss');
      disk = await SmallDisk.of(world.database.name);
      await world.startReaper();
      boss = await createBoss('pg-boss', {
        connectionString: world.url,
        application_name: sessionName('pgboss'),
        max: 4,
      });
      await boss.start();
      await boss.createQueue('fast');
    });
    afterEach(() => world.endWorkers());
    afterAll(async () => {
      await boss.stop({ graceful: false });
      await end();
    });

    /** Sends, takes and ends so many jobs in four loops. Returns their ids. */
    async function work(jobs: number): Promise<string[]> {
      const taken: string[] = [];
      for (let job = 0; job < jobs; job += 1) await boss.send('fast', {});
      const loop = async () => {
        for (let [job] = await boss.fetch('fast'); job !== undefined; [job] = await boss.fetch('fast')) {
          taken.push(`fast/${job.id}`);
          await boss.complete('fast', job.id);
        }
      };
      await Promise.all([loop(), loop(), loop(), loop()]);
      return taken;
    }

    async function noted(ids: string[]): Promise<number> {
      const { rowCount } = await world.admin.query('select from reaper.run_process where job_id = any($1)', [
        ids,
      ]);
      return rowCount ?? 0;
    }

    it('workers take and end jobs, doctor says why none is noted, and repairs go on once there is room', async () => {
      expect(await noted(await work(20))).toBe(20);
      const early = await world.startWorker();
      const known = await world.addJob({ hangs: true });
      await world.started(known);
      expect(await world.runner(known)).not.toBeNull();
      await fill();

      const taken = await work(300);
      expect(new Set(taken).size).toBe(300);
      expect(await noted(taken)).toBe(0);
      const late = await world.startWorker({ CONCURRENCY: '2' });
      const unknown = await world.addJob({ hangs: true });
      await world.started(unknown);
      expect(await world.runner(unknown)).toBeNull();
      const said = await doctor();
      expect(said).toMatch(SAID);
      expect(said).toMatch(/adapter: .*No space left on device/);
      expect(said).toContain("fix: the server's disk is full");
      expect(said).not.toMatch(WRONG);
      expect(late.printed + early.printed).not.toMatch(/error|space/i);

      // A repair is recorded or does not happen, so it may have to wait for room.
      await early.kill();
      disk.free();
      await world.done(known);
      expect(await world.claims(known)).toEqual([{ outcome: 'queued', tier: 1 }]);
      expect(await world.claims(unknown)).toEqual([]);
      expect(await noted(await work(20))).toBe(20);
      expect(await doctor()).not.toMatch(SAID);
      await repairsAgain();
    }, 300_000);
  });

  describe.skipIf(packages === null)('Procrastinate (needs python3 and PyPI)', () => {
    beforeAll(async () => {
      world = await ProcrastinateWorld.of(packages);
      disk = await SmallDisk.of(world.database.name);
      await world.startReaper();
    });
    afterEach(() => world.endWorkers());
    afterAll(end);

    it('workers start, work and are pruned, and repairs go on once there is room', async () => {
      const first = await world.startWorker({ CONCURRENCY: '4' });
      const lost = await world.addJob({ hangs: true });
      await world.started(lost);
      await eventually('its announcement', async () => (await world.runner(lost)) !== null);
      await fill();
      await world.admin.query(`select reaper.pause('test', 'test')`);
      await first.kill();
      await eventually('an old heartbeat', async () => {
        const { rowCount } = await world.admin.query(
          `select from procrastinate_workers where last_heartbeat < now() - interval '1.5 s'`,
        );
        return rowCount === 1;
      });
      const second = await world.startWorker({ CONCURRENCY: '4', STALLED_S: '1' });
      await eventually('the pruned worker', async () => {
        const { rowCount } = await world.admin.query(
          `select from procrastinate_jobs where id = $1 and worker_id is null`,
          [lost],
        );
        return rowCount === 1;
      });
      const ids: string[] = [];
      for (let job = 0; job < 100; job += 1) ids.push(await world.addJob({}));
      for (const id of ids) await world.done(id);
      expect(second.printed).not.toMatch(/Traceback|space left/i);
      expect(await world.runner(lost)).toBeNull();
      const said = await doctor();
      expect(said).toMatch(SAID);
      expect(said).not.toMatch(WRONG);
      disk.free();
      await world.admin.query(`select reaper.resume('test')`);
      await repairsAgain();
      expect(await world.claims(lost)).toEqual([]);
    }, 300_000);
  });
});
