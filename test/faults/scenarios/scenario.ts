import type { Terms } from '../facts/facts.js';
import type { World } from '../world/world.js';

/** One forced interleaving. What must hold is judged by the same invariants as ever. */
export interface Scenario {
  name: string;
  about: string;
  terms?: Partial<Terms>;
  /** Whether everything must be repaired by its end. */
  needsRepair?: boolean;
  play(world: World): Promise<void>;
}
