import { expect, it } from 'vitest';
import { createLatch } from './behaviour.js';
import type { SolidQueueWorld } from './solid-queue-world.js';

// What is the same for stand-ins of Solid Queue's processes and for those of its gem.

/** Its supervisors, and its limits of concurrency. */
export function servesSolidQueue(getWorld: () => SolidQueueWorld): void {
  it('a forked worker has a token of its own: it outlives its supervisor', async () => {
    const world = getWorld();
    const supervisor = await world.startWorker({ MODE: 'fork' });
    const latch = await createLatch();
    const [kept, lost] = [
      await world.addJob({ waitsUntil: latch.path }),
      await world.addJob({ hangs: true }),
    ];
    await world.started(kept);
    await supervisor.kill();
    for (let sweep = 0; sweep < 3; sweep += 1) await world.sweeps();
    expect(await world.claims(kept)).toEqual([]);
    await latch.open();
    await world.done(kept);
    const [fork] = await world.noted('end', kept);
    expect(fork).not.toBe(supervisor.pid);
    expect(await world.noted('start', lost)).toEqual([]);
  });

  it('a job that runs again keeps its place, and then the next one of its key runs', async () => {
    const world = getWorld();
    const first = await world.startWorker();
    const one = await world.addJob({ key: 'mail', hangs: true });
    const two = await world.addJob({ key: 'mail' });
    await world.started(one);
    const second = await world.startWorker({ CONCURRENCY: '2' });
    await first.kill();
    for (const id of [one, two]) await world.done(id);
    expect(await world.noted('start', one)).toEqual([first.pid, second.pid]);
    expect(await world.noted('start', two)).toEqual([second.pid]);
    const { rows } = await world.admin.query(
      `select what, job_id from public.noted where pid = $1 order by id`,
      [second.pid],
    );
    expect(rows.map(({ what, job_id }: { what: string; job_id: string }) => [what, job_id])).toEqual([
      ['start', one],
      ['end', one],
      ['start', two],
      ['end', two],
    ]);
    expect(await world.semaphore('mail')).toMatchObject({ value: 1 });
  });
}

/** A job that fails because its workers have died three times. Returns its id. */
export async function loseThreeWorkers(world: SolidQueueWorld): Promise<string> {
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
  return id;
}
