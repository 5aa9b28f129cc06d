import type { Terms } from '../facts/facts.js';
import type { Invariant } from '../invariants/invariant.js';
import type { World } from '../world/world.js';

/** One forced interleaving. The same invariants as always judge what must hold. */
export interface Scenario {
  name: string;
  about: string;
  terms?: Partial<Terms>;
  /** What must hold at its end, in addition to what holds at every moment. */
  alsoHold?: readonly Invariant[];
  play(world: World): Promise<void>;
}
