import { setTimeout } from 'node:timers/promises';
import { begin, claimOf, killBoth, pastWaitMs } from './scene.js';
import type { Scenario } from './scenario.js';

/** Milliseconds after which every limit is over. */
const ALL_LIMITS_MS = 65_000;

/** Processes that are stopped for longer than every limit, as when a laptop sleeps or a machine is moved. */
export const suspensions: readonly Scenario[] = [
  {
    name: 'a worker suspended',
    about:
      'one of two workers is stopped for longer than every limit, and a run dies meanwhile; then it continues, and another dies',
    async play(world) {
      const [sleeper, other] = world.workers;
      const first = await begin(world, { id: 'lasting-1', host: 'north', maxAttempts: 1 });
      const second = await begin(world, { id: 'lasting-2', host: 'north', maxAttempts: 1 });
      other?.service.start();
      // So that the first one is asked, too.
      await setTimeout(5_000);
      sleeper?.service.signal('SIGSTOP');
      killBoth(world, first);
      await setTimeout(ALL_LIMITS_MS);
      sleeper?.service.signal('SIGCONT');
      killBoth(world, second);
      for (const victim of [first, second]) await claimOf(world, victim, pastWaitMs(world));
    },
  },
  {
    name: 'a probe suspended',
    about:
      'the probe of a host is stopped for longer than every limit, one run there dies and one stays alive; then it continues',
    async play(world) {
      const dead = await begin(world, { id: 'lasting-1', host: 'south', maxAttempts: 1 });
      const living = await begin(world, { id: 'lasting-2', host: 'south', maxAttempts: 1 });
      const probe = world.probes[0]?.service;
      probe?.signal('SIGSTOP');
      killBoth(world, dead);
      await setTimeout(ALL_LIMITS_MS);
      probe?.signal('SIGCONT');
      await claimOf(world, dead, pastWaitMs(world));
      killBoth(world, living);
      await claimOf(world, living, pastWaitMs(world));
    },
  },
];
