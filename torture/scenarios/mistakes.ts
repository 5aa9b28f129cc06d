import { setTimeout } from 'node:timers/promises';
import { hasAnswered } from '../faults/gone-hosts.js';
import { HOSTS } from '../world/create-services.js';
import type { World } from '../world/world.js';
import { begin, claimOf, expectSoon, killBoth, startTwin } from './scene.js';
import type { Scenario } from './scenario.js';

/** Operators who declare a host gone although it is not. */
export const mistakes: readonly Scenario[] = [
  {
    name: 'a host declared gone, and back',
    about:
      'a host is declared gone, its probe answers, and is away once more: then a live run there is checked',
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'south', maxAttempts: 1 });
      const probe = world.probes[0]?.service;
      // This is not about the declaration itself: nothing is claimed before the probe has answered.
      await world.operator.hold('job', victim.jobId, 300);
      await probe?.kill();
      await declareGone(world);
      probe?.start();
      await expectSoon('the probe to answer', () => hasAnswered(world, HOSTS.south));
      await probe?.kill();
      await world.operator.release('job', victim.jobId);
      await startTwin(world, victim);
      // The looks of a streak, each of which waits for an answer.
      await setTimeout(20_000);
      await world.facts.read();
      probe?.start();
      killBoth(world, victim);
      await claimOf(world, victim);
    },
  },
  {
    name: 'a wrong verdict',
    about:
      'a host is declared gone, a live run there is reaped on that declaration, and the probe comes back; a run dies elsewhere',
    terms: { marginS: 12 },
    async play(world) {
      const wronged = await begin(world, { id: 'lasting-1', host: 'south', maxAttempts: 1 });
      const other = await begin(world, { id: 'lasting-2', host: 'north', maxAttempts: 1 });
      const probe = world.probes[0]?.service;
      await probe?.kill();
      await declareGone(world);
      await claimOf(world, wronged);
      probe?.start();
      await expectSoon('the brake', async () => {
        await world.facts.read();
        return world.facts.brake.pulls[0] ?? null;
      });
      killBoth(world, other);
      await setTimeout(8 * world.terms.intervalS * 1000);
      await world.facts.read();
      await world.operator.activate();
      await claimOf(world, other);
    },
  },
];

/** It is refused until the probe has not answered for a while. */
function declareGone({ operator }: World): Promise<true> {
  return expectSoon('the host to be declared gone', () =>
    operator.declareGone(HOSTS.south).then(
      () => true as const,
      () => null,
    ),
  );
}
