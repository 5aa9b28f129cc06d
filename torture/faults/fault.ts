import type { Random } from '../random.js';
import type { World } from '../world/world.js';

/** A kind of fault. */
export interface Fault {
  /** By which it is counted. */
  kind: string;
  /** How often it is chosen, against the others. */
  weight: number;
  /** Faults of one group exclude each other: for example, a server cannot be killed while it is being restarted. */
  group?: string;
  /** Seconds that it may take: it is not begun when a run has less time left. @default 0 */
  lastsS?: number;
  /**
   * Injects it once, and undoes what would not pass by itself.
   *
   * @returns what was hit, in words, or null if there was no target
   */
  inject(world: World, random: Random): Promise<string | null>;
}
