import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/wait.js';
import {
  bearsTheRest,
  repairsWhatDied,
  startTwice,
  staysInItsQueue,
  worksBehindPgBouncer,
} from '../behaviour.js';
import { createSolidQueueTables, findSolidQueueGem } from '../solid-queue.js';
import { loseThreeWorkers, servesSolidQueue } from '../solid-queue-behaviour.js';
import { SolidQueueWorld } from '../solid-queue-world.js';

// On Solid Queue's own gem, in a Rails application, with its processes. The gems come from a registry that not everybody reaches:
// `gem install rails solid_queue pg` gets them, or RUBYLIB names their folders.

const version = findSolidQueueGem();
const hasGem = version !== null;
const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
const isFenced = major > 1 || minor >= 5;

let world: SolidQueueWorld;

describe.skipIf(!hasGem)('Solid Queue itself (needs its gem, and that of Rails)', () => {
  beforeAll(async () => {
    world = await SolidQueueWorld.ofGem('our_jobs');
    await world.startReaper();
  });
  afterEach(async () => {
    await world.endWorkers();
    await world.clear();
  });
  afterAll(() => world.end());

  it('has the columns of the tables that the other tests create', async () => {
    await world.admin.query('create schema stand_in');
    await createSolidQueueTables(world.admin, 'stand_in');
    const columns = async (schema: string) => {
      const { rows } = await world.admin.query<Record<string, string>>(
        `select table_name, column_name, udt_name, is_nullable from information_schema.columns
          where table_schema = $1 and table_name like 'solid\\_queue\\_%' order by table_name, column_name`,
        [schema],
      );
      return rows;
    };
    const standIn = await columns('stand_in');
    const tables = new Set(standIn.map(({ table_name }) => table_name));
    expect(standIn).toEqual((await columns('our_jobs')).filter(({ table_name }) => tables.has(table_name)));
  });

  repairsWhatDied(() => world);
  bearsTheRest(() => world);
  staysInItsQueue(() => world);
  servesSolidQueue(() => world);

  it('a job whose workers die three times fails as it does in Solid Queue, and can be retried', async () => {
    const id = await loseThreeWorkers(world);
    const last = await world.startWorker({ RETRY: id });
    await world.done(id);
    expect(await world.noted('end', id)).toEqual([last.pid]);
  });

  it(`a late finisher of the reaped run: ${isFenced ? 'changes nothing' : 'ends the job, which versions up to 1.4 do not fence'}`, async () => {
    const { latch, id } = await startTwice(world);
    await eventually('the end of the old run', async () => (await world.noted('end', id)).length === 1);
    if (!isFenced) await world.done(id);
    await latch.open(2);
    await eventually('the end of the new run', async () => (await world.noted('end', id)).length === 2);
    await world.done(id);
    await eventually('no execution of it', async () => (await world.states(id)).length === 0);
  });
});

describe.skipIf(!hasGem)('Solid Queue itself in schema public (needs its gem, and that of Rails)', () => {
  beforeAll(async () => {
    world = await SolidQueueWorld.ofGem();
    await world.startReaper();
  });
  afterAll(() => world.end());

  worksBehindPgBouncer(() => world, { PREPARES: 'false' });
});
