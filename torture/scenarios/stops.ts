import { readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { pendingActivity, watchIdOf } from '../faults/pending-activity.js';
import type { Victim } from '../faults/victims.js';
import { gateFiles } from '../world/pipeline.js';
import type { World } from '../world/world.js';
import { claimOf, exitUnfinalized, expectSoon, watchesOf } from './scene.js';
import type { Scenario } from './scenario.js';

/** Milliseconds until Temporal has a gate asked elsewhere: tasks that it gives to the stopped worker are lost for a time each. */
const ELSEWHERE_MS = 150_000;

/** Workers that are stopped for long. */
export const stops: readonly Scenario[] = [
  {
    name: 'a worker that slept while it asked gates',
    about:
      'a worker asks the gates of two jobs and is stopped until another asks both; it comes back when one of them is over and the other still in progress',
    async play(world) {
      const [sleeper, other] = world.workers;
      if (!sleeper || !other) return;
      const over = await gateIsAsked(world, 'prompt-1');
      const atWork = await gateIsAsked(world, 'prompt-2');
      sleeper.service.signal('SIGSTOP');
      other.service.start();
      const before = [await asking(world, over), await asking(world, atWork)];
      await expectSoon(
        'another worker to ask both gates',
        async () => {
          const now = [await isAskedBy(world, over, 'worker-2'), await isAskedBy(world, atWork, 'worker-2')];
          return now.every(Boolean) || null;
        },
        ELSEWHERE_MS,
      );
      await release(world, over);
      await advanced(world, over);
      sleeper.service.signal('SIGCONT');
      // Told that its attempts are out of date, it ends what it had started.
      await expectSoon('the worker to be back', () =>
        Promise.resolve(before.flat().some((pid) => existsSync(`/proc/${pid}`)) ? null : true),
      );
      await release(world, atWork);
      await advanced(world, atWork);
      // Whatever it still had in hand.
      await setTimeout(5_000);
      await advanced(world, over);
      await advanced(world, atWork);
    },
  },
];

/** A green exit 0 whose gate the reaper asks, and gets no answer yet. */
async function gateIsAsked(world: World, id: string): Promise<Victim> {
  const { hold, asked } = gateFiles(world.folder, id);
  await writeFile(hold, '');
  const victim = await exitUnfinalized(world, id);
  await expectSoon('the gate to be asked', () => Promise.resolve(existsSync(asked) || null));
  return victim;
}

/** Pids of the gate's processes, for each time that it was asked. */
async function asking({ folder }: World, { jobId }: Victim): Promise<string[]> {
  return (await readFile(gateFiles(folder, jobId).asked, 'utf8')).trim().split('\n');
}

async function isAskedBy(world: World, victim: Victim, worker: string): Promise<boolean> {
  const watchId = watchIdOf(world, victim);
  const pending = watchId && (await pendingActivity(world, watchId, 'judgeExitZero'));
  return (
    pending !== null && pending !== '' && pending.by === worker && (await asking(world, victim)).length > 1
  );
}

function release({ folder }: World, { jobId }: Victim): Promise<void> {
  return rm(gateFiles(folder, jobId).hold, { force: true });
}

/** Waits for the claim, and checks that its task moved on once, with one next job. */
async function advanced(world: World, victim: Victim): Promise<void> {
  const { outcome, reason } = await claimOf(world, victim);
  await watchesOf(world, victim.jobId);
  const { moves, births } = world.facts.queue;
  const moved = moves.filter(({ taskId }) => taskId === victim.jobId).map(({ to }) => to);
  const next = births.filter(({ taskId, agent }) => taskId === victim.jobId && agent !== 'developer');
  if (outcome === 'done' && moved.join() === 'review' && next.length === 1) return;
  throw new Error(
    `Expected job ${victim.jobId} to be done with one advance and one next job, got ${outcome} (${reason}), ${moved.length} advances and ${next.length} next jobs`,
  );
}
