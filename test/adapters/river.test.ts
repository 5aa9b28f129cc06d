import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { failForGood, repairsWhatDied } from './behaviour.js';
import { hasGo } from './go.js';
import { RiverWorld } from './river-world.js';

// On the real package, with its workers in real processes. test/adapters/more has the rest.

let world: RiverWorld;

describe.skipIf(!hasGo)('River (needs go)', () => {
  beforeAll(async () => {
    world = await RiverWorld.of('current');
    await world.startReaper();
  }, 400_000);
  afterEach(async () => {
    await world.endWorkers();
    await world.admin.query('delete from river_job');
  });
  afterAll(() => world.end());

  it('begins with a dry run', () => {
    expect(world.installed).toMatchObject({ adapter: 'river', mode: 'observe', notes: [] });
  });

  repairsWhatDied(() => world);

  it('attempts used up: the job is discarded, and can be retried by its API', async () => {
    const first = await world.startWorker();
    const id = await world.addJob({ hangs: true, maxAttempts: 1 });
    await failForGood(world, first, id);
    const discarded = await world.api('get', id);
    expect(discarded).toMatchObject({
      State: 'discarded',
      Attempt: 1,
      MaxAttempts: 1,
      FinalizedAt: expect.any(String) as string,
      Errors: [
        {
          at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
          attempt: 1,
          error: expect.stringMatching(/^reaped: dead pid=\d+ \(run_id=jr1\.[\w-]{32}\.\w{4}\)$/) as string,
          trace: '',
        },
      ],
    });
    const second = await world.startWorker();
    expect(await world.api('retry', id)).toMatchObject({ State: 'available', MaxAttempts: 2 });
    await world.done(id);
    expect(await world.noted('end', id)).toEqual([second.pid]);
  });
});
