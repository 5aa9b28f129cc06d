import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { repairsWhatDied } from './behaviour.js';
import { installProcrastinate } from './procrastinate.js';
import { ProcrastinateWorld } from './procrastinate-world.js';

// On the real package, with its workers in real processes. test/adapters/more has the rest.

let world: ProcrastinateWorld;
const packages = await installProcrastinate();

describe.skipIf(packages === null)('Procrastinate (needs python3 and PyPI)', () => {
  beforeAll(async () => {
    world = await ProcrastinateWorld.of(packages);
    await world.startReaper();
  });
  afterEach(async () => {
    await world.endWorkers();
    await world.clear();
  });
  afterAll(() => world.end());

  it('begins with a dry run, and has its trigger', async () => {
    expect(world.installed).toMatchObject({ adapter: 'procrastinate', mode: 'observe', notes: [] });
    const { rows } = await world.admin.query(
      `select tgrelid::regclass::text as table, tgenabled as enabled from pg_trigger where tgname = 'reaper_note'`,
    );
    expect(rows).toEqual([{ table: 'procrastinate_workers', enabled: 'O' }]);
  });

  repairsWhatDied(() => world);

  it('attempts used up: the job has failed, and can be retried by its API', async () => {
    const first = await world.startWorker();
    const id = await world.addJob({ hangs: true, maxAttempts: 1 });
    await world.started(id);
    await first.kill();
    await world.claimed(id);
    expect(await world.claims(id)).toEqual([{ outcome: 'failed', tier: 1 }]);
    expect(await world.job(id)).toEqual({ status: 'failed', attempts: 25, lock: null });
    const { rows } = await world.admin.query<{ error: string }>(
      'select reason as error from reaper.ledger where job_id = $1',
      [id],
    );
    expect(rows[0]?.error).toMatch(/^dead pid=\d+/);
    const second = await world.startWorker();
    await world.api('retry', id);
    await world.done(id);
    expect(await world.noted('end', id)).toEqual([second.pid]);
  });
});
