/** A run that waits for a place. */
export interface Waiting {
  watchId: string;
  /** It could not be claimed before. */
  isRetry: boolean;
}

/** How many watches may be open, and how many are. */
export interface Places {
  places: number;
  taken: number;
  /** Those of them whose run could not be claimed before. */
  takenByRetries: number;
  /** Those that have waited since an earlier sweep, the longest first. A place is kept for one that is not among the targets. */
  queue: readonly Waiting[];
}

/**
 * Shares out the free places: first to those in the queue, then in the order given, those that could not be claimed before last. These get
 * at most a quarter of all places: however many there are, they do not keep others from being repaired.
 */
export function shareOut<T extends Waiting>(
  targets: readonly T[],
  { places, taken, takenByRetries, queue }: Places,
): { begun: T[]; waiting: T[] } {
  const here = new Map(targets.map((target) => [target.watchId, target]));
  const queued = new Set(queue.map(({ watchId }) => watchId));
  const others = targets.filter(({ watchId }) => !queued.has(watchId));
  const line = [
    ...queue.map((known) => here.get(known.watchId) ?? known),
    ...others.filter(({ isRetry }) => !isRetry),
    ...others.filter(({ isRetry }) => isRetry),
  ];
  let free = places - taken;
  let freeForRetries = retryPlaces(places) - takenByRetries;
  const begun: T[] = [];
  const waiting: T[] = [];
  for (const { watchId, isRetry } of line) {
    const target = here.get(watchId);
    const hasPlace = free > 0 && (!isRetry || freeForRetries > 0);
    if (hasPlace) {
      free -= 1;
      if (isRetry) freeForRetries -= 1;
    }
    if (target !== undefined) (hasPlace ? begun : waiting).push(target);
  }
  return { begun, waiting };
}

/** The next sweep's queue: as many as there can be places for. */
export function queueUp(waiting: readonly Waiting[], places: number): Waiting[] {
  const queue = waiting.map(({ watchId, isRetry }) => ({ watchId, isRetry }));
  const kept = new Set([
    ...queue.filter(({ isRetry }) => !isRetry).slice(0, places),
    ...queue.filter(({ isRetry }) => isRetry).slice(0, retryPlaces(places)),
  ]);
  return queue.filter((each) => kept.has(each));
}

function retryPlaces(places: number): number {
  return Math.max(1, Math.floor(places / 4));
}
