import type { Scan, Symptom, WatchTarget } from '../activities/jobs.js';
import type { Poke, SweepSummary } from './messages.js';
import type { OpenWatch, Reaper } from './reaper-state.js';
import { pokeWatch, startWatch } from './watches.js';

/**
 * What one sweep does about watches: starts them where they are due and free, and pokes those whose run shows a symptom or
 * may be over. Each run is tended once.
 */
export class Round {
  /** The symptoms, by the ids of the watches whose run shows one. */
  readonly symptoms = new Map<string, Symptom>();
  readonly #isBlocked: boolean;
  /** Whether watches may park: every run has one. */
  readonly #park: boolean;

  constructor(
    private readonly reaper: Reaper,
    private readonly found: Scan,
    private readonly summary: SweepSummary,
  ) {
    this.#isBlocked = !found.policy.enabled || found.paused !== null;
    this.#park = found.runs !== null;
  }

  /** Wakes or starts the watch of each run with a symptom, unless nothing may be claimed anyway. */
  async tendSymptoms(found: readonly Symptom[]): Promise<void> {
    if (this.#isBlocked) return;
    const targets = found.filter(({ watchId }) => !this.symptoms.has(watchId));
    for (const target of targets) this.symptoms.set(target.watchId, target);
    const toPoke = ({ symptom }: Symptom): Poke => ({
      why: symptom === 'dead' ? 'dead' : 'symptom',
      park: this.#park,
    });
    await Promise.all([
      ...targets
        .filter((target) => this.#isWatched(target))
        .map((target) => this.#poke(target, toPoke(target))),
      ...this.#begin(targets, toPoke),
    ]);
  }

  /** With a watch for every run: starts those that are missing, and wakes those whose run is no longer running. */
  async tendRuns(running: readonly WatchTarget[]): Promise<void> {
    const ids = new Set(running.map(({ watchId }) => watchId));
    await Promise.all([
      ...this.#begin(running, () => null),
      ...this.#look(({ watchId }) => !ids.has(watchId) && !this.symptoms.has(watchId)),
    ]);
  }

  /** Wakes every open watch: what it waits for was said by a policy that is no longer the one. */
  async wakeAll(): Promise<void> {
    await Promise.all(this.#look(() => true));
  }

  /** With watches for symptoms only: wakes those whose run shows none any more. */
  async tendRest(): Promise<void> {
    await Promise.all(this.#look(({ watchId }) => !this.symptoms.has(watchId)));
  }

  #begin<T extends WatchTarget>(targets: readonly T[], toPoke: (target: T) => Poke | null): Promise<void>[] {
    const { policy } = this.found;
    const free = Math.max(0, policy.maxWatches - this.reaper.watches.size);
    const begun = targets.filter((target) => !this.#isWatched(target)).slice(0, free);
    return begun.map(async (target) => {
      const isNew = await startWatch(this.reaper, target, toPoke(target), policy.searchAttributes);
      this.summary[isNew ? 'started' : 'alreadyStarted'] += 1;
    });
  }

  #look(isWanted: (watch: OpenWatch) => boolean): Promise<void>[] {
    const poke: Poke = { why: 'look', park: this.#park };
    return [...this.reaper.watches.values()].filter(isWanted).map((target) => this.#poke(target, poke));
  }

  async #poke(target: OpenWatch, poke: Poke): Promise<void> {
    if (await pokeWatch(this.reaper, target, poke)) this.summary.poked += 1;
  }

  #isWatched({ watchId }: WatchTarget): boolean {
    return this.reaper.watches.has(watchId);
  }
}
