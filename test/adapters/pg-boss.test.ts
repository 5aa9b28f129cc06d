import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bearsTheRest, repairsWhatDied } from './behaviour.js';
import { BossWorld, type BossVersion } from './pg-boss-world.js';

// On the real packages, with their workers in real processes.

let world: BossWorld;

afterEach(async () => {
  await world.endWorkers();
  await world.admin.query(`delete from ${world.table('job')}`);
});

describe.each<[BossVersion, string]>([
  ['pg-boss', 'pgboss'],
  ['pg-boss-before', 'our_jobs'],
])('%s in schema %s', (version, schema) => {
  beforeAll(async () => {
    world = await BossWorld.of(version, schema);
    await world.startReaper();
  }, 180_000);
  afterAll(() => world.end());

  it('begins with a dry run, with its index and its trigger on every partition', async () => {
    expect(world.installed).toMatchObject({ adapter: 'pg-boss', mode: 'observe', notes: [] });
  });

  repairsWhatDied(() => world);
  bearsTheRest(() => world);
});
