import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { repairsWhatDied } from './behaviour.js';
import { hasRubyPg } from './solid-queue.js';
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
    const id = await world.addJob({ lost: 3 });
    for (let run = 1; run <= 3; run += 1) {
      const worker = await world.startWorker();
      await world.started(id, run);
      await worker.kill();
    }
    await world.fails(id);
    expect(await world.claims(id)).toEqual([
      { outcome: 'queued', tier: 1 },
      { outcome: 'queued', tier: 1 },
      { outcome: 'failed', tier: 1 },
    ]);
    expect(await world.states(id)).toEqual(['failed']);
    expect(await world.error(id)).toEqual({
      exception_class: 'SolidQueue::Processes::ProcessExitError',
      message: expect.stringMatching(
        /^reaped: dead pid=\d+ \(run_id=worker-[0-9a-f]{20}\.jr1\.[\w-]{32}\)$/,
      ) as string,
      backtrace: [],
    });
    await world.retry(id);
    const last = await world.startWorker();
    await world.done(id);
    expect(await world.noted('end', id)).toEqual([last.pid]);
  });
});
