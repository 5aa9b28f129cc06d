import { setTimeout } from 'node:timers/promises';
import { AT_LAST } from '../invariants/index.js';
import { ambush } from '../faults/ambush.js';
import { begin, claimOf, expectSoon, killBoth, nothingOwed } from './scene.js';
import type { Scenario } from './scenario.js';

/** People who are told. */
export const people: readonly Scenario[] = [
  {
    name: 'a message whose delivery is not noted',
    about: 'Telegram accepted the message, and the connection breaks while that is recorded',
    alsoHold: AT_LAST,
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north', maxAttempts: 1 });
      const [worker] = world.workers;
      if (worker === undefined) return;
      world.people.holdsWebhook = true;
      const lost = ambush(worker.proxy, { when: 'asked', after: /note_delivery/ });
      killBoth(world, victim);
      await claimOf(world, victim);
      await lost;
      world.people.holdsWebhook = false;
      await expectSoon('the webhook to be told', () =>
        Promise.resolve(
          world.people.received.some(({ channel, answer }) => channel === 'webhook' && answer === 'taken') ||
            null,
        ),
      );
      await nothingOwed(world);
      // For a second message that may still be sent.
      await setTimeout(5_000);
    },
  },
];
