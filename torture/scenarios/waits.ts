import { setTimeout } from 'node:timers/promises';
import { continueOften } from '../faults/bursts.js';
import type { Victim } from '../faults/victims.js';
import { claimsThatFailed, poison } from '../world/poison.js';
import type { World } from '../world/world.js';
import { beginMany, claimOf, expectSoon, killBoth, pastWaitMs } from './scene.js';
import type { Scenario } from './scenario.js';
import { whileLocked } from './while-locked.js';

/** Places for everything that cannot be repaired, and none for what can. */
const TERMS = { places: 3, marginS: 12 };

/** Runs that can be repaired, beside others that cannot. */
export const waits: readonly Scenario[] = [
  {
    name: 'a zombie beside claims that fail',
    about:
      'the claims of as many dead runs as there are places fail, for longer than the time for repairs; then another run dies',
    terms: TERMS,
    async play(world) {
      const { failing, free } = await begin(world);
      const cure = await poison(
        world.admin,
        failing.map(({ runId }) => runId),
        'raises',
      );
      const over = world.facts.hindrances.began(
        failing.map(({ runId }) => runId),
        'its claim fails',
      );
      for (const victim of failing) killBoth(world, victim);
      await expectSoon('the claims to fail', async () =>
        (await claimsThatFailed(world.admin)) >= failing.length ? true : null,
      );
      await repairBeside(world, free);
      await cure();
      over();
      for (const victim of failing) await claimOf(world, victim, pastWaitMs(world));
    },
  },
  {
    name: 'a zombie beside locked rows',
    about:
      'the rows of as many dead runs as there are places are locked, for longer than the time for repairs; then another run dies',
    terms: TERMS,
    async play(world) {
      const { failing: locked, free } = await begin(world);
      const runIds = locked.map(({ runId }) => runId);
      const over = world.facts.hindrances.began(runIds, 'its row is locked');
      await whileLocked(
        world,
        `set local idle_in_transaction_session_timeout = 0;
         select from public.jobs where run_id in (${runIds.map((id) => `'${id}'`).join()}) for update`,
        async () => {
          for (const victim of locked) killBoth(world, victim);
          // Until they have all been claimed in vain.
          await setTimeout(1000 * (world.terms.deadTicks + 3) * world.terms.intervalS);
          await repairBeside(world, free);
        },
      );
      over();
      for (const victim of locked) await claimOf(world, victim, pastWaitMs(world));
    },
  },
  {
    name: 'a burst while the reaper continues as new',
    about: 'more runs die at once than there are places, while the reaper continues as new after every sweep',
    terms: { ...TERMS, places: 2 },
    async play(world) {
      const victims = await beginMany(world, 7, 'north');
      await continueOften(world, 1);
      for (const victim of victims) killBoth(world, victim);
      for (const victim of victims) await claimOf(world, victim, pastWaitMs(world));
    },
  },
];

async function begin(world: World): Promise<{ failing: Victim[]; free: Victim }> {
  const victims = await beginMany(world, world.terms.places + 1, 'north');
  const [free, ...failing] = victims;
  if (free === undefined) throw new Error('Expected a run that can be repaired, got none');
  return { failing, free };
}

/** Sees another run repaired, and goes on until those that have to wait have waited too long. */
async function repairBeside(world: World, free: Victim): Promise<void> {
  const beganMs = Date.now();
  killBoth(world, free);
  await claimOf(world, free, pastWaitMs(world));
  while (Date.now() - beganMs < pastWaitMs(world)) {
    await world.facts.read();
    await setTimeout(1_000);
  }
}
