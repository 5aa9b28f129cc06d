import { setTimeout } from 'node:timers/promises';
import { FAULTS } from './faults/index.js';
import type { Fault } from './faults/fault.js';
import { NotBackError } from './faults/servers.js';
import { groupBy } from './invariants/group-by.js';
import { Random } from './random.js';
import type { World } from './world/world.js';

/** Seconds between two faults, on average. */
const MEAN_GAP_S = 0.7;
/** Maximum of concurrent faults, some of which wait for their moment. */
const AT_A_TIME = 14;

/** Kinds that every run has, however short, and after which part of its time. */
export const SURE: readonly { kind: string; after: number }[] = [
  { kind: 'host: its clock put forward or back by minutes', after: 0.2 },
  { kind: 'Postgres: SIGKILL, started again', after: 0.4 },
  { kind: 'Temporal: SIGKILL, database wiped, started again', after: 0.7 },
];

/** A run of at least so many seconds has every kind of fault. */
export const LONG_RUN_S = 20 * 60;
/** Part of a long run after which kinds that have not been injected yet get their turn, whatever is drawn. */
const MISSING_AFTER = 0.5;
/** From then on, one of so many faults is of a missing kind. */
const TURN_OF_MISSING = 4;

/** What became of a fault that was drawn. */
export type Fate =
  | 'injected'
  /** There was no target. */
  | 'nobody'
  /** Something that it needed was away, or the fault is broken. */
  | 'failed'
  /** Too much was in progress, or a fault that excludes it. */
  | 'left out';

/** One fault that was drawn. */
export interface Drawn {
  kind: string;
  fate: Fate;
  /** Why it failed. */
  error?: string;
}

/** The random but seeded schedule of faults. */
export class Schedule {
  readonly drawn: Drawn[] = [];
  readonly #underWay = new Map<Promise<void>, Fault>();
  #fatal: Error | null = null;
  readonly #random: Random;

  constructor(private readonly world: World) {
    this.#random = new Random(world.seed, 'faults');
  }

  /** Those that were injected. */
  get injected(): Drawn[] {
    return this.drawn.filter(({ fate }) => fate === 'injected');
  }

  /**
   * Injects faults until the signal, then the sure ones that are still missing, and waits for all that are in progress.
   *
   * @param seconds until the signal
   * @throws if a server could not be started again
   */
  async run(signal: AbortSignal, seconds: number): Promise<void> {
    const beganMs = Date.now();
    const isLong = seconds >= LONG_RUN_S;
    const sure = SURE.map(({ kind, after }) => ({
      fault: faultOf(kind),
      dueMs: beganMs + after * seconds * 1000,
    }));
    for (let n = 0; !signal.aborted && this.#fatal === null; n += 1) {
      const gapS = -Math.log(1 - this.#random.next()) * MEAN_GAP_S;
      const leftS = seconds - (Date.now() - beganMs) / 1000;
      const drawn = this.#random.pickWeighted(FAULTS.filter(({ lastsS = 0 }) => lastsS < leftS));
      // Each with its own numbers, so that the order in which they finish changes nothing for the others.
      const random = new Random(this.world.seed, `fault ${n}`);
      const due = sure[0] !== undefined && sure[0].dueMs <= Date.now() ? sure[0].fault : null;
      const missing =
        isLong && n % TURN_OF_MISSING === 0 && leftS < (1 - MISSING_AFTER) * seconds
          ? this.#missing(leftS)
          : undefined;
      if (due !== null && this.#mayStart(due)) {
        sure.shift();
        this.#start(due, random);
      } else if (missing !== undefined) {
        this.#start(missing, random);
      } else if (this.#mayStart(drawn) && (drawn.group === undefined || drawn.group !== due?.group)) {
        this.#start(drawn, random);
      } else {
        this.drawn.push({ kind: drawn.kind, fate: 'left out' });
      }
      await setTimeout(gapS * 1000, undefined, { signal }).catch(() => undefined);
    }
    await Promise.all(this.#underWay.keys());
    for (const { fault } of sure) {
      if (this.#fatal === null) await this.#inject(fault, new Random(this.world.seed, `sure ${fault.kind}`));
    }
    if (this.#fatal !== null) throw this.#fatal;
  }

  /** A kind that was never injected, and was tried least. */
  #missing(leftS: number): Fault | undefined {
    const injected = new Set(this.injected.map(({ kind }) => kind));
    const tries = groupBy(this.drawn, ({ kind }) => kind);
    const underWay = new Set(this.#underWay.values());
    return FAULTS.filter(
      (fault) =>
        !injected.has(fault.kind) &&
        !underWay.has(fault) &&
        (fault.lastsS ?? 0) < leftS &&
        this.#mayStart(fault),
    ).sort((a, b) => (tries.get(a.kind)?.length ?? 0) - (tries.get(b.kind)?.length ?? 0))[0];
  }

  #mayStart(fault: Fault): boolean {
    const others = [...this.#underWay.values()];
    if (others.length >= AT_A_TIME) return false;
    return fault.group === undefined || others.every(({ group }) => group !== fault.group);
  }

  #start(fault: Fault, random: Random): void {
    const injection = this.#inject(fault, random).finally(() => this.#underWay.delete(injection));
    this.#underWay.set(injection, fault);
  }

  async #inject(fault: Fault, random: Random): Promise<void> {
    const { kind } = fault;
    try {
      const whom = await fault.inject(this.world, random);
      this.drawn.push({ kind, fate: whom === null ? 'nobody' : 'injected' });
    } catch (error) {
      this.drawn.push({ kind, fate: 'failed', error: String(error) });
      if (error instanceof NotBackError) this.#fatal = error;
    }
  }
}

function faultOf(kind: string): Fault {
  const fault = FAULTS.find((each) => each.kind === kind);
  if (fault === undefined) throw new Error(`Expected a fault "${kind}", got none`);
  return fault;
}
