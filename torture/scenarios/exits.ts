import { claimOf, watchesOf, exitUnfinalized } from './scene.js';
import type { Scenario } from './scenario.js';

/** Agents that exit with 0, and whose monitor cannot finalize. */
export const exits: readonly Scenario[] = [
  {
    name: 'a green exit 0',
    about: 'the agent delivers and exits with 0; its monitor is killed after it recorded that',
    async play(world) {
      const victim = await exitUnfinalized(world, 'prompt-1');
      await claimOf(world, victim);
      await watchesOf(world, victim.jobId);
    },
  },
  {
    name: 'a red exit 0',
    about: 'the agent exits with 0 and has delivered nothing; its monitor is killed after it recorded that',
    async play(world) {
      const victim = await exitUnfinalized(world, 'careless-1');
      await claimOf(world, victim);
    },
  },
];
