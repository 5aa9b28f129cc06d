/** How many watches may be open, and how many are. */
export interface Places {
  places: number;
  taken: number;
  /** Those of them whose run could not be claimed before. */
  takenByRetries: number;
}

/**
 * Shares out the free places, in the order given. Runs that could not be claimed before come last and get at most a quarter of all
 * places: however many there are, they do not keep others from being repaired.
 */
export function shareOut<T extends { isRetry: boolean }>(
  targets: readonly T[],
  { places, taken, takenByRetries }: Places,
): { begun: T[]; waiting: T[] } {
  const free = Math.max(0, places - taken);
  const first = targets.filter(({ isRetry }) => !isRetry).slice(0, free);
  const share = Math.max(1, Math.floor(places / 4)) - takenByRetries;
  const retries = targets
    .filter(({ isRetry }) => isRetry)
    .slice(0, Math.max(0, Math.min(free - first.length, share)));
  const begun = new Set([...first, ...retries]);
  return { begun: [...begun], waiting: targets.filter((target) => !begun.has(target)) };
}
