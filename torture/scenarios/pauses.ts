import { setTimeout } from 'node:timers/promises';
import { findClaimBehind } from '../faults/late.js';
import { begin, claimOf, expectSoon, killBoth, seenDead, exitUnfinalized } from './scene.js';
import type { Scenario } from './scenario.js';
import { whileLocked } from './while-locked.js';

/** Pauses at bad moments. */
export const pauses: readonly Scenario[] = [
  {
    name: 'a pause overtakes a claim',
    about: 'the claim waits for its task behind the control row, and a pause is sent',
    async play(world) {
      const victim = await exitUnfinalized(world, 'prompt-1');
      await whileLocked(world, 'select from public.tasks for update', async (pid) => {
        await expectSoon('a claim behind the task', () => findClaimBehind(world, pid));
        await world.operator.pause();
      });
      await setTimeout(3 * world.terms.intervalS * 1000);
      await world.facts.read();
      await world.operator.resume();
      await claimOf(world, victim);
    },
  },
  {
    name: 'a pause while a streak runs',
    about: 'the process was seen dead once, then everything is paused',
    terms: { intervalS: 3 },
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north' });
      killBoth(world, victim);
      await seenDead(world, victim);
      await world.operator.pause();
      await setTimeout(4 * world.terms.intervalS * 1000);
      await world.operator.resume();
      await claimOf(world, victim);
    },
  },
];
