import { setTimeout } from 'node:timers/promises';
import { FAULTS } from './faults/index.js';
import type { Fault } from './faults/fault.js';
import { Random } from './random.js';
import type { World } from './world/world.js';

/** Seconds between two faults, on average. */
const MEAN_GAP_S = 0.7;
/** Faults that may be under way at a time: some wait for their moment. */
const AT_A_TIME = 14;

/** One fault that was injected. */
export interface Injected {
  kind: string;
  atMs: number;
  whom: string;
}

/** The random but seeded schedule of faults. */
export class Schedule {
  readonly injected: Injected[] = [];
  /** Faults that came to nothing since a server was just away, by their kind. */
  readonly failed: { kind: string; error: string }[] = [];
  readonly #underWay = new Map<Promise<void>, Fault>();
  #fatal: Error | null = null;
  readonly #random: Random;

  constructor(private readonly world: World) {
    this.#random = new Random(world.seed, 'faults');
  }

  /**
   * Injects faults until the signal, then waits for those that are under way.
   *
   * @throws when a server could not be started again
   */
  async run(signal: AbortSignal): Promise<void> {
    for (let n = 0; !signal.aborted && this.#fatal === null; n += 1) {
      const gapS = -Math.log(1 - this.#random.next()) * MEAN_GAP_S;
      const fault = this.#random.pickWeighted(FAULTS);
      // Each with numbers of its own, so that the order in which they finish changes nothing for the others.
      const random = new Random(this.world.seed, `fault ${n}`);
      if (this.#mayStart(fault)) {
        const injection = this.#inject(fault, random).finally(() => this.#underWay.delete(injection));
        this.#underWay.set(injection, fault);
      }
      await setTimeout(gapS * 1000, undefined, { signal }).catch(() => undefined);
    }
    await Promise.all(this.#underWay.keys());
    if (this.#fatal !== null) throw this.#fatal;
  }

  #mayStart(fault: Fault): boolean {
    const others = [...this.#underWay.values()];
    if (others.length >= AT_A_TIME) return false;
    return fault.group === undefined || others.every(({ group }) => group !== fault.group);
  }

  async #inject(fault: Fault, random: Random): Promise<void> {
    const { kind } = fault;
    const atMs = Date.now();
    try {
      const whom = await fault.inject(this.world, random);
      if (whom !== null) this.injected.push({ kind, atMs, whom });
    } catch (error) {
      this.failed.push({ kind, error: String(error) });
      if (fault.group === 'servers') this.#fatal = error as Error;
    }
  }
}
