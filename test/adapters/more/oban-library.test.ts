import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/wait.js';
import { failForGood, repairsWhatDied, startTen } from '../behaviour.js';
import { createObanTables, OBAN_NODE } from '../oban.js';
import { servesOban } from '../oban-behaviour.js';
import { ObanWorld } from '../oban-world.js';

// On Oban's own library, with its nodes in real processes. Its packages come from a registry that not everybody reaches:
// `mix deps.get && mix compile` in test/adapters/oban/library gets them, or OBAN_LIBRARY names a folder that has them.

let world: ObanWorld;

describe.skipIf(OBAN_NODE === null)('Oban itself (needs its library)', () => {
  beforeAll(async () => {
    world = await ObanWorld.ofLibrary(OBAN_NODE ?? [], 'our_jobs');
    await world.startReaper();
  });
  afterEach(async () => {
    await world.endWorkers();
    await world.admin.query('delete from our_jobs.oban_jobs; delete from our_jobs.oban_peers');
  });
  afterAll(() => world.end());

  it('has the columns of the tables that the other tests create', async () => {
    await world.admin.query('create schema stand_in');
    await createObanTables(world.admin, 'stand_in');
    const columns = async (schema: string) => {
      const { rows } = await world.admin.query<Record<string, string>>(
        `select column_name, udt_name, is_nullable, replace(column_default, table_schema || '.', '') as default
           from information_schema.columns where table_schema = $1 and table_name = 'oban_jobs' order by column_name`,
        [schema],
      );
      return rows;
    };
    expect(await columns('stand_in')).toEqual(await columns('our_jobs'));
  });

  repairsWhatDied(() => world);
  servesOban(() => world, { POLLS: 'true' });

  it('a dead leader: its job runs again, although no other node looks for jobs until there is a new one', async () => {
    const patient = { PATIENCE_S: '600' };
    const first = await world.startWorker(patient);
    const id = await world.addJob({ hangs: true });
    await world.started(id);
    const others = [await world.startWorker(patient), await world.startWorker(patient)];
    for (const node of others)
      await eventually('a node that knows of others', () => node.lines.includes('clustered'));
    await first.kill();
    await world.done(id);
    const { rows } = await world.admin.query('select node from our_jobs.oban_peers');
    expect(rows).toEqual([{ node: (await world.job(id))?.errors[0]?.error.match(/run_id=(\S+)\)/)?.[1] }]);
    expect(others.map(({ pid }) => pid)).toContain((await world.noted('end', id))[0]);
  });

  it('attempts used up: the job is discarded, as the API shows it, and can be retried', async () => {
    const first = await world.startWorker();
    const id = await world.addJob({ hangs: true, maxAttempts: 1 });
    await failForGood(world, first, id);
    expect(await world.job(id)).toMatchObject({ state: 'discarded', attempt: 1 });
    const second = await world.startWorker({ RETRY: id });
    await world.done(id);
    expect(await world.noted('end', id)).toEqual([second.pid]);
  });

  it('beside Lifeline: each job is rescued by one of them', async () => {
    const { first, ids } = await startTen(world);
    await first.kill();
    // Lifeline runs on the leader.
    await world.admin.query('delete from our_jobs.oban_peers');
    const second = await world.startWorker({ CONCURRENCY: '10', RESCUE_AFTER_S: '1' });
    for (const id of ids) {
      await world.done(id);
      expect(await world.noted('end', id)).toEqual([second.pid]);
      expect(await world.claims(id)).toHaveLength((await world.job(id))?.errors.length ?? 0);
    }
  });
});
