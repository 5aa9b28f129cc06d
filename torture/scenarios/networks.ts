import { setTimeout } from 'node:timers/promises';
import type { Silence } from '../world/way.js';
import { begin, claimOf, exitUnfinalized, killBoth, pastWaitMs, SceneError } from './scene.js';
import type { Scenario } from './scenario.js';

const SILENCES: readonly Silence[] = ['both ways', 'towards the server', 'from the server'];

/** Connections that say nothing, and databases that cannot be reached. */
export const networks: readonly Scenario[] = [
  ...SILENCES.map((silence): Scenario => ({
    name: `connections to Postgres that are silent ${silence}`,
    about: 'all connections of the only worker go silent, new ones work; then a run dies',
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north', maxAttempts: 1 });
      const silent = world.workers[0]?.proxy.way.silence(silence);
      killBoth(world, victim);
      await claimOf(world, victim, pastWaitMs(world));
      silent?.end();
    },
  })),
  {
    name: 'connections to Temporal that are silent',
    about: 'all connections of the only worker go silent, new ones work; then a run dies',
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north', maxAttempts: 1 });
      const silent = world.workers[0]?.toTemporal.silence('both ways');
      killBoth(world, victim);
      await claimOf(world, victim, pastWaitMs(world));
      silent?.end();
    },
  },
  {
    name: "a gates' database that is away",
    about:
      'a green exit 0 whose gate is an sql gate, and its database is away for longer than one round of retries',
    async play(world) {
      await world.toGates.cut();
      const back = world.facts.presence.took("the gates' database");
      const victim = await exitUnfinalized(world, 'prompt-1', 'review');
      await setTimeout(40_000);
      await world.toGates.restore();
      back();
      await claimOf(world, victim, pastWaitMs(world));
    },
  },
  {
    name: "a gates' database that is silent",
    about: 'a green exit 0 whose gate is an sql gate, and the connection by which it is asked goes silent',
    async play(world) {
      const victim = await exitUnfinalized(world, 'prompt-1', 'review');
      const silent = await world.toGates.silenceNext('both ways', pastWaitMs(world));
      if (silent === null) throw new SceneError('Expected the gate to be asked, and nobody asked it');
      await claimOf(world, victim, pastWaitMs(world));
      silent.end();
    },
  },
];
