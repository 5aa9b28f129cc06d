import { poison, type Poison } from '../world/poison.js';
import type { Fault } from './fault.js';
import { undo } from './undo.js';
import { killAgent, openRuns, send } from './victims.js';
import { waitBetween } from './wait.js';

const VICTIMS = 4;
const FAILING_S = { least: 20, most: 60 };

/** Jobs whose claims always fail because of a trigger of the queue's owner. */
export const failingClaims: readonly Fault[] = (
  [
    ['raises', 'a trigger raises'],
    ['raises at COMMIT', 'a deferred constraint trigger raises at COMMIT'],
    ['is too slow', 'a trigger is too slow for any statement'],
  ] satisfies [Poison, string][]
).map(([how, inWords]) => ({
  kind: `claims of some jobs fail for a while: ${inWords}`,
  weight: 1.2,
  lastsS: FAILING_S.most,
  async inject(world, random) {
    const victims = openRuns(world)
      .filter(({ agent }) => agent !== null)
      .slice(0, VICTIMS);
    if (victims.length === 0) return null;
    const runIds = victims.map(({ runId }) => runId);
    const over = world.facts.hindrances.began(runIds, 'its claim fails');
    const cure = await poison(world.admin, runIds, how);
    try {
      for (const victim of victims) {
        send(victim.monitor, 'SIGKILL');
        killAgent(world, victim);
      }
      await waitBetween(random, FAILING_S.least, FAILING_S.most);
    } finally {
      await undo(cure);
      over();
    }
    return `${victims.length} jobs`;
  },
}));
