import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { repairsWhatDied } from './behaviour.js';
import { hasRubyPg } from './solid-queue.js';
import { loseThreeWorkers } from './solid-queue-behaviour.js';
import { SolidQueueWorld } from './solid-queue-world.js';

// On Solid Queue's tables, with a stand-in for its processes in real processes of Ruby. test/adapters/more has the rest.

let world: SolidQueueWorld;

describe.skipIf(!hasRubyPg)('Solid Queue (needs ruby with pg)', () => {
  beforeAll(async () => {
    world = await SolidQueueWorld.create();
    await world.startReaper();
  });
  afterEach(async () => {
    await world.endWorkers();
    await world.admin.query('delete from solid_queue_jobs; delete from solid_queue_processes');
  });
  afterAll(() => world.end());

  it('begins with a dry run', () => {
    expect(world.installed).toMatchObject({ adapter: 'solid-queue', mode: 'observe', notes: [] });
  });

  repairsWhatDied(() => world);

  it('a job whose workers die three times fails as it does in Solid Queue, and can be retried', async () => {
    const id = await loseThreeWorkers(world);
    await world.retry(id);
    const last = await world.startWorker();
    await world.done(id);
    expect(await world.noted('end', id)).toEqual([last.pid]);
  });
});
