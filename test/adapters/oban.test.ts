import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/wait.js';
import { failForGood, finishRun, repairsWhatDied } from './behaviour.js';
import { hasElixir } from './oban.js';
import { ObanWorld } from './oban-world.js';

// On Oban's tables, with a stand-in for its nodes in real processes of the BEAM. test/adapters/more has the rest.

let world: ObanWorld;

describe.skipIf(!hasElixir)('Oban (needs elixir and psql)', () => {
  beforeAll(async () => {
    world = await ObanWorld.create();
    await world.startReaper();
  });
  afterEach(async () => {
    await world.endWorkers();
    await world.admin.query('delete from oban_jobs');
  });
  afterAll(() => world.end());

  it('begins with a dry run', () => {
    expect(world.installed).toMatchObject({ adapter: 'oban', mode: 'observe', notes: [] });
  });

  repairsWhatDied(() => world);

  it('a repair wakes the nodes of its queue, as an insert does', async () => {
    const client = await world.admin.connect();
    const heard: string[] = [];
    client.on('notification', ({ payload = '' }) => heard.push(payload));
    try {
      await client.query('listen "public.oban_insert"');
      await world.startWorker({ QUEUE: 'mail' });
      const id = await world.addJob({ queue: 'mail', hangs: true });
      await world.started(id);
      heard.length = 0;
      expect(await finishRun(world, id, 'queued')).toBe(true);
      await eventually('a message', () => heard.length > 0);
      expect(heard.map((payload) => JSON.parse(payload) as unknown)).toEqual([{ queue: 'mail' }]);
    } finally {
      client.release(true);
    }
  });

  it('attempts used up: the job is discarded, and can be retried', async () => {
    const first = await world.startWorker();
    const id = await world.addJob({ hangs: true, maxAttempts: 1 });
    await failForGood(world, first, id);
    expect(await world.job(id)).toMatchObject({
      state: 'discarded',
      attempt: 1,
      max_attempts: 1,
      discarded_at: expect.anything() as unknown,
      errors: [
        {
          at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
          attempt: 1,
          error: expect.stringMatching(/^reaped: dead pid=\d+ \(run_id=jr1\.[\w-]{32}\)$/) as string,
        },
      ],
    });
    // As Oban.retry_job does.
    await world.admin.query(
      `update oban_jobs set state = 'available', max_attempts = greatest(max_attempts, attempt + 1), discarded_at = null,
              scheduled_at = timezone('UTC', now()) where id = $1`,
      [id],
    );
    const second = await world.startWorker();
    await world.done(id);
    expect(await world.noted('end', id)).toEqual([second.pid]);
  });
});
