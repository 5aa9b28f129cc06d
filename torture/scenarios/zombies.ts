import { setTimeout } from 'node:timers/promises';
import { ambush } from '../faults/ambush.js';
import { findClaimBehind } from '../faults/late.js';
import type { Victim } from '../faults/victims.js';
import { AT_LAST, REPAIRED, WITHIN_BUDGET } from '../invariants/index.js';
import type { World } from '../world/world.js';
import {
  begin,
  beginMany,
  beginWithoutPid,
  claimOf,
  expectSoon,
  hostWatch,
  killBoth,
  nextRunOf,
  nothingOwed,
  pastRepairMs,
  startTwin,
  watchesOf,
} from './scene.js';
import type { Scenario } from './scenario.js';
import { whileLocked } from './while-locked.js';

/** What happens to a run whose processes are gone. */
export const zombies: readonly Scenario[] = [
  {
    name: 'a zombie',
    about: 'agent and monitor are killed; the watch runs to its end',
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north' });
      killBoth(world, victim);
      await claimOf(world, victim);
      await watchesOf(world, victim.jobId);
    },
  },
  {
    name: 'a zombie, and time',
    about: 'agent and monitor are killed; the time for the repair passes',
    // Far away, so that nothing but the probe can find it.
    terms: { ceilingS: 600 },
    alsoHold: REPAIRED,
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north' });
      killBoth(world, victim);
      await setTimeout(pastRepairMs(world));
    },
  },
  {
    name: 'a storm',
    about: 'agents and monitors of many runs are killed at once; a host watch repairs them',
    terms: { places: 1, batchAbove: 2 },
    async play(world) {
      const victims = await beginStorm(world);
      for (const victim of victims) killBoth(world, victim);
      for (const victim of victims) await claimOf(world, victim);
      await hostWatch(world);
    },
  },
  {
    name: 'a lost answer in a storm',
    about: 'the connection of a batch of claims breaks just after its COMMIT',
    terms: { places: 1, batchAbove: 2 },
    async play(world) {
      const victims = await beginStorm(world);
      const lost = Promise.all(
        world.workers.map(({ proxy }) => ambush(proxy, { when: 'committed', after: /reaper\.claim_many\(/ })),
      );
      for (const victim of victims) killBoth(world, victim);
      for (const victim of victims) await claimOf(world, victim);
      if ((await lost).every((sprung) => sprung === null))
        throw new Error('Expected a batch of claims, got none');
      await hostWatch(world);
    },
  },
  {
    name: 'a job that kills its agents',
    about: 'agent and monitor are killed, and then those of the next run: one death over the crash budget',
    terms: { maxCrashes: 1 },
    alsoHold: WITHIN_BUDGET,
    async play(world) {
      const first = await begin(world, { id: 'lasting-1', host: 'north', maxAttempts: 9 });
      killBoth(world, first);
      await claimOf(world, first);
      const second = await nextRunOf(world, first);
      killBoth(world, second);
      await claimOf(world, second);
    },
  },
  {
    name: 'a run that never got a pid',
    about: 'the monitor is killed before it starts the agent: only the ceiling can end the run',
    terms: { ceilingS: 6 },
    alsoHold: AT_LAST,
    async play(world) {
      const victim = await beginWithoutPid(world, { id: 'lasting-1', host: 'north', maxAttempts: 1 });
      await claimOf(world, victim, 30_000);
      await nothingOwed(world);
    },
  },
  {
    name: 'a lost answer',
    about: 'the connection of a claim breaks just after its COMMIT',
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north' });
      const [worker] = world.workers;
      if (worker === undefined) return;
      const lost = ambush(worker.proxy, { when: 'committed', after: /reaper\.claim\(/ });
      killBoth(world, victim);
      await lost;
      await watchesOf(world, victim.jobId);
    },
  },
  {
    name: 'two watches',
    about: 'the claims of two watches over one run wait for its row together',
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north' });
      killBoth(world, victim);
      await whileLocked(world, 'select from public.jobs for no key update', async (pid) => {
        // A claim waits for a moment only: some at a time, again and again, until two of them wait together.
        let looks = 0;
        await expectSoon('two claims behind the row', async () => {
          for (let n = 0; looks % 20 === 0 && n < 4; n += 1)
            await startTwin(world, victim, `twin-${looks}-${n}`, 'reap');
          looks += 1;
          return findClaimBehind(world, pid, 2);
        });
      });
      await watchesOf(world, victim.jobId, 2);
    },
  },
];

/** Begins enough runs on one host for a host watch. */
async function beginStorm(world: World): Promise<Victim[]> {
  const victims = await beginMany(world, 6, 'north');
  // A run that is younger than an interval is left to a single watch.
  await setTimeout(2 * world.terms.intervalS * 1000);
  return victims;
}
