/** A run that shows a symptom, as far as it matters to who looks after it. */
export interface Shared {
  host: string | null;
  /** It exited with 0, and its gate is to be asked: only a watch of its own does that. */
  needsGate?: boolean;
}

/** How many of these runs a watch of their host could repair, by host; under an empty name those of no host. */
export function countForHostWatches(runs: readonly Shared[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { host, needsGate = false } of runs) {
    if (!needsGate) counts.set(host ?? '', (counts.get(host ?? '') ?? 0) + 1);
  }
  return counts;
}
