import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findWholeReads } from '../../../src/db/inspect/plans.js';
import { detach, migrate } from '../../../src/db/migrate.js';
import { startTen } from '../behaviour.js';
import { hasElixir } from '../oban.js';
import { servesOban } from '../oban-behaviour.js';
import { ObanWorld } from '../oban-world.js';

// What test/adapters/oban.test.ts leaves out.

let world: ObanWorld;

afterEach(async () => {
  await world.endWorkers();
  await world.admin.query(`delete from ${world.table('oban_jobs')}`);
});

describe.skipIf(!hasElixir)('Oban (needs elixir and psql)', () => {
  beforeAll(async () => {
    world = await ObanWorld.create('our_jobs');
    await world.startReaper();
  });
  afterAll(() => world.end());

  servesOban(() => world);

  it("beside Oban's own rescue: each job is rescued by one of them", async () => {
    const { first, ids } = await startTen(world);
    await first.kill();
    const second = await world.startWorker({ CONCURRENCY: '10' });
    // As Lifeline does, for half of them; the reaper is at it, too.
    await world.admin.query(
      `update our_jobs.oban_jobs set state = 'available' where state = 'executing' and attempt < max_attempts and attempted_by[1] = $1 and id % 2 = 0`,
      [await nameOf(first.pid)],
    );
    for (const id of ids) {
      await world.done(id);
      expect(await world.noted('start', id)).toEqual([first.pid, second.pid]);
      expect(await world.claims(id)).toHaveLength((await world.job(id))?.errors.length ?? 0);
    }
  });
});

/** The name of a job's node, by the pid that it has noted. */
async function nameOf(pid: number): Promise<string> {
  const { rows } = await world.admin.query<{ name: string }>(
    'select distinct run_id as name from reaper.running_job where pid = $1',
    [pid],
  );
  return rows[0]?.name ?? '';
}

describe('an upgrade of Oban', () => {
  beforeAll(async () => {
    world = await ObanWorld.create();
  });
  afterAll(() => world.end());

  it('has an index of its own for the sweeps', async () => {
    await world.admin.query(
      `insert into oban_jobs (worker, state) select 'Other', 'completed' from generate_series(1, 20000)`,
    );
    await world.admin.query('analyze oban_jobs');
    expect(await findWholeReads(world.admin)).toEqual([]);
  });

  it('passes with the adapter in place, but for a version that swaps the type of state', async () => {
    // Migration 14, as it is now.
    await world.admin.query(
      `alter type oban_job_state add value if not exists 'suspended' before 'scheduled'`,
    );
    // As it was in 2.21.0: the page says what to do.
    await world.admin.query('create type oban_job_state_new as enum (' + STATES + ')');
    const swap = `alter table oban_jobs alter column state drop default,
        alter column state type oban_job_state_new using state::text::oban_job_state_new,
        alter column state set default 'available'`;
    await expect(world.admin.query(swap)).rejects.toThrow('used by a view or rule');
    await detach(world.url);
    await world.admin.query(swap);
    await world.admin.query(
      'drop type oban_job_state; alter type oban_job_state_new rename to oban_job_state',
    );
    expect(await migrate(world.url, null)).toMatchObject({ adapter: 'oban', mode: 'active', notes: [] });
    expect((await world.admin.query('select from reaper.running_job')).rowCount).toBe(0);
  });
});

const STATES =
  "'available', 'suspended', 'scheduled', 'executing', 'retryable', 'completed', 'discarded', 'cancelled'";
