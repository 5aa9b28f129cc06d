import { FAULTS } from '../faults/index.js';
import { killAgent, send } from '../faults/victims.js';
import { Random } from '../random.js';
import type { World } from '../world/world.js';
import { begin, claimOf, endOf, expectSoon, watchesOf } from './scene.js';
import type { Scenario } from './scenario.js';

/** Launchers and monitors that come late. */
export const lateOnes: readonly Scenario[] = [
  {
    name: 'a late exit code',
    about: 'an exit code is recorded while the claim waits for the row',
    play: (world) => playFault(world, 'late exit code, right before the claim'),
  },
  {
    name: 'a late finalizer',
    about: 'a monitor finalizes while the claim waits for the row behind it',
    play: (world) => playFault(world, 'late finalizer, right before the claim'),
  },
  {
    name: 'a monitor that slept',
    about: 'a monitor is stopped until its run is reaped and taken again, and then finalizes',
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north', maxAttempts: 3 });
      send(victim.monitor, 'SIGSTOP');
      killAgent(world, victim);
      await claimOf(world, victim);
      await expectSoon('another run', async () => {
        await world.facts.read();
        return [...world.facts.queue.runs.values()].filter(({ pid }) => pid !== null).length > 1
          ? true
          : null;
      });
      send(victim.monitor, 'SIGCONT');
      await expectSoon('the monitor to be done', () => {
        world.facts.readLogs();
        const { finalized, noLongerOurs } = world.facts.launchers;
        const isDone = finalized.has(victim.runId) || noLongerOurs.has(victim.runId);
        return Promise.resolve(isDone ? true : null);
      });
    },
  },
];

/** Plays one of the random faults on a job whose agent would run for long. */
async function playFault(world: World, kind: string): Promise<void> {
  const fault = FAULTS.find((each) => each.kind === kind);
  if (fault === undefined) throw new Error(`Expected a fault "${kind}", got none`);
  const victim = await begin(world, { id: 'lasting-1', host: 'north', maxAttempts: 3 });
  await fault.inject(world, new Random(world.seed, kind));
  await endOf(world, victim);
  await watchesOf(world, victim.jobId);
}
