import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { HOSTS } from '../world/create-services.js';
import type { World } from '../world/world.js';
import { begin, claimOf, exitUnfinalized, expectSoon, killBoth, watchesOf } from './scene.js';
import type { Scenario } from './scenario.js';

/** Minutes that clocks are off by, one after the other. */
const STEPS_MIN = [10, -10, 30, 0];

/** Hosts whose wall clocks step. */
export const clocks: readonly Scenario[] = [
  {
    name: 'clocks that step',
    about:
      'the wall clocks of all hosts are set forward and back by minutes, while one agent is alive and one has exited',
    async play(world) {
      const { terms } = world;
      const living = await begin(world, { id: 'lasting-1', host: 'north' });
      for (const stepMin of STEPS_MIN) {
        setAll(world, stepMin);
        await setTimeout(2 * terms.deadTicks * terms.intervalS * 1000);
      }
      const exited = await exitUnfinalized(world, 'prompt-1');
      for (const stepMin of STEPS_MIN) {
        setAll(world, stepMin);
        await setTimeout((terms.graceS / STEPS_MIN.length) * 1000);
      }
      await claimOf(world, exited);
      setAll(world, 10);
      killBoth(world, living);
      await claimOf(world, living);
      await expectSoon('the worker to go by the clock that was set', () => isAhead(world, 'worker-1'));
      await watchesOf(world, living.jobId);
    },
  },
];

function setAll(world: World, offMin: number): void {
  for (const host of Object.values(HOSTS)) world.clocks[host].set(offMin * 60_000);
}

/** Whether a service dates its log minutes ahead. */
async function isAhead({ folder }: World, service: string): Promise<true | null> {
  const lines = (await readFile(join(folder, `${service}.log`), 'utf8')).split('\n');
  const times = lines.map((line) => /"time":"([^"]+)"/.exec(line)?.[1]).filter((time) => time !== undefined);
  return Date.parse(times.at(-1) ?? '') - Date.now() > 5 * 60_000 ? true : null;
}
