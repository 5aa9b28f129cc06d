/** Maximum of runs that keep their turn, not counting retried ones: the queue is carried over when the reaper continues as new. */
const MAX_QUEUE = 1_000;

/** A run that waits for a place. */
export interface Waiting {
  watchId: string;
  /** It could not be claimed before. */
  isRetry: boolean;
  /** Its process is dead, or its host is gone: a watch of it waits for nothing but a second look. */
  isDead?: boolean;
}

/** How many watches may be open, and how many are. */
export interface Places {
  places: number;
  taken: number;
  /** Those of them whose run could not be claimed before. */
  takenByRetries: number;
  /** Those of them whose process was not dead. @default 0 */
  takenByOthers?: number;
  /** Whether a quarter of the places is kept for dead processes. @default false */
  isReserving?: boolean;
}

/**
 * The runs that wait for a place in one sweep: first those in the queue, then in the order in which they came, those that could not be
 * claimed before last. These get at most a quarter of all places: however many there are, they do not keep others from being repaired.
 * If asked to, a quarter of all places is kept for dead processes: watches of the others, which may wait for minutes until a grace is over,
 * do not keep these from being repaired. What a call costs does not grow with the number of those that wait: there is one for each host.
 */
export class Line<T extends Waiting> {
  readonly #queue: Map<string, Waiting>;
  readonly #here = new Map<string, T>();
  readonly #others = new Map<string, T>();
  readonly #retries = new Map<string, T>();

  /** @param queue those that have waited since an earlier sweep, the longest first. A place is kept for one that has not come yet. */
  constructor(queue: readonly Waiting[]) {
    this.#queue = new Map(queue.map((known) => [known.watchId, known]));
  }

  /** Lets a run wait. One that already does keeps its turn. */
  add(target: T): void {
    const { watchId, isRetry } = target;
    if (this.#here.has(watchId)) return;
    this.#here.set(watchId, target);
    if (!this.#queue.has(watchId)) (isRetry ? this.#retries : this.#others).set(watchId, target);
  }

  /** Takes out those that get a free place. */
  shareOut(places: Places): T[] {
    const { begun } = this.#choose(places);
    for (const { watchId } of begun) this.remove(watchId);
    return begun;
  }

  /** Whether somebody would get a place if none were kept for dead processes. */
  keepsPlaces(places: Places): boolean {
    return this.#choose({ ...places, isReserving: true }).isKeeping;
  }

  #choose({ places, taken, takenByRetries, takenByOthers = 0, isReserving = false }: Places) {
    let free = places - taken;
    let freeForRetries = quarter(places) - takenByRetries;
    let freeForOthers = isReserving ? places - Math.floor(places / 4) - takenByOthers : Infinity;
    let isKeeping = false;
    const begun: T[] = [];
    for (const part of [this.#queue, this.#others, this.#retries]) {
      for (const known of part.values()) {
        if (free <= 0) break;
        const target = this.#here.get(known.watchId);
        const { isRetry, isDead = false } = target ?? known;
        if (isRetry && freeForRetries <= 0) continue;
        if (!isDead && freeForOthers <= 0) {
          isKeeping ||= target !== undefined;
          continue;
        }
        free -= 1;
        if (isRetry) freeForRetries -= 1;
        if (!isDead) freeForOthers -= 1;
        if (target !== undefined) begun.push(target);
      }
    }
    return { begun, isKeeping };
  }

  remove(watchId: string): void {
    for (const part of [this.#queue, this.#here, this.#others, this.#retries]) part.delete(watchId);
  }

  /** Keeps no place any longer for those that have not come. */
  close(): void {
    for (const watchId of [...this.#queue.keys()]) {
      if (!this.#here.has(watchId)) this.#queue.delete(watchId);
    }
  }

  get isEmpty(): boolean {
    return this.#here.size === 0;
  }

  /** Those that have come and wait, in the order of their turn. */
  get waiting(): T[] {
    const queued = [...this.#queue.keys()].flatMap((watchId) => this.#here.get(watchId) ?? []);
    return [...queued, ...this.#others.values(), ...this.#retries.values()];
  }
}

/**
 * The next sweep's queue. It is longer than there are places: if it held only those that go next, a host that answers faster could refill
 * it in each sweep.
 */
export function queueUp(waiting: readonly Waiting[], limit = MAX_QUEUE): Waiting[] {
  const queue = waiting.map(({ watchId, isRetry, isDead }) => ({
    watchId,
    isRetry,
    ...(isDead && { isDead }),
  }));
  const kept = new Set([
    ...queue.filter(({ isRetry }) => !isRetry).slice(0, limit),
    ...queue.filter(({ isRetry }) => isRetry).slice(0, quarter(limit)),
  ]);
  return queue.filter((each) => kept.has(each));
}

function quarter(places: number): number {
  return Math.max(1, Math.floor(places / 4));
}
