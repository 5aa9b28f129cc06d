import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/db/migrate.js';
import { failForGood, repairsWhatDied } from './behaviour.js';
import { DbosWorld } from './dbos-world.js';

// On the real package, with its processes. test/adapters/more has the rest.

let world: DbosWorld;

describe('DBOS', () => {
  beforeAll(async () => {
    world = await DbosWorld.of('@dbos-inc/dbos-sdk');
    await world.startReaper();
  });
  afterEach(async () => {
    await world.endWorkers();
    await world.admin.query('delete from dbos.workflow_status');
  });
  afterAll(() => world.end());

  it('begins with a dry run', () => {
    expect(world.installed).toMatchObject({ adapter: 'dbos', mode: 'observe', notes: [] });
  });

  repairsWhatDied(() => world);

  it('attempts used up: the workflow has exceeded them, and can be resumed by its API', async () => {
    await migrate(world.url, 'dbos', { max_attempts: '1' });
    const first = await world.startWorker();
    const id = await world.addJob({ hangs: true });
    await failForGood(world, first, id);
    expect(await world.status(id)).toMatchObject({
      status: 'MAX_RECOVERY_ATTEMPTS_EXCEEDED',
      recoveryAttempts: 1,
      completedAt: expect.any(Number) as number,
    });
    const second = await world.startWorker();
    const handle = await world.client.resumeWorkflow<number>(id, { queueName: 'jobs' });
    expect(await handle.getResult()).toBe(second.pid);
    expect(await world.noted('end', id)).toEqual([second.pid]);
  });
});
