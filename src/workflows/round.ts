import { patched } from '@temporalio/workflow';
import type { Scan, Symptom, WatchTarget } from '../activities/sweeps.js';
import { shareOut } from '../domain/places.js';
import type { Poke, SweepSummary } from './messages.js';
import type { OpenWatch, Reaper } from './reaper-state.js';
import { pokeWatch, startWatch } from './watches.js';

/** Orphans that one sweep asks at most whether they are still there. */
const ORPHANS_ASKED = 100;

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
  readonly #retries: ReadonlySet<string>;
  /** Ids of the watches for which no place was free, with their jobs. */
  readonly #waiting = new Map<string, string>();

  constructor(
    private readonly reaper: Reaper,
    private readonly found: Scan,
    private readonly summary: SweepSummary,
  ) {
    this.#isBlocked = !found.policy.enabled || found.paused !== null;
    this.#park = found.watchAll ?? found.runs !== null;
    this.#retries = new Set(found.retries);
  }

  /**
   * Asks some of the watches whose end nobody tells whether they are still there, so that the places of those that are over come free
   * in time for this sweep's symptoms. Who is there only takes note: no wait is cut short. With a watch for every run that is known
   * from the scan.
   */
  async askOrphans(): Promise<void> {
    const { orphans, watches } = this.reaper;
    if (this.#park || orphans.size === 0 || !patched('asks-orphans')) return;
    const asked = [...orphans].slice(0, ORPHANS_ASKED);
    // To the end of the queue.
    for (const watchId of asked) {
      orphans.delete(watchId);
      orphans.add(watchId);
    }
    const known = asked.flatMap((watchId) => watches.get(watchId) ?? []);
    await Promise.all(known.map((watch) => this.#poke(watch, { why: 'symptom', park: this.#park })));
  }

  /** Runs that wait for a place, as far as this sweep saw them. */
  get waiting(): { count: number; jobs: string[] } {
    const jobs = [...this.#waiting].flatMap(([watchId, jobId]) =>
      this.reaper.watches.has(watchId) ? [] : jobId,
    );
    return { count: jobs.length, jobs: jobs.slice(0, 5).map((jobId) => jobId.slice(0, 60)) };
  }

  /** Wakes or starts the watch of each run with a symptom, unless nothing may be claimed anyway. */
  async tendSymptoms(found: readonly Symptom[]): Promise<void> {
    if (this.#isBlocked) return;
    const targets = found.filter(({ watchId }) => !this.symptoms.has(watchId));
    for (const target of targets) this.symptoms.set(target.watchId, target);
    const toPoke = ({ watchId, symptom, exitRecord }: Symptom): Poke => {
      const known = this.reaper.watches.get(watchId);
      const isRewritten =
        typeof exitRecord === 'string' && known !== undefined && known.exitRecord !== exitRecord;
      if (isRewritten) this.reaper.watches.set(watchId, { ...known, exitRecord });
      // What its watch waits for may no longer hold.
      if (isRewritten) return { why: 'look', park: this.#park };
      return { why: symptom === 'dead' ? 'dead' : 'symptom', park: this.#park };
    };
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
    const { watches } = this.reaper;
    const { begun, waiting } = shareOut(
      targets
        .filter((target) => !this.#isWatched(target))
        .map((target) => ({ ...target, isRetry: this.#retries.has(target.watchId) })),
      {
        places: policy.maxWatches,
        taken: watches.size,
        takenByRetries: [...watches.values()].filter(({ isRetry }) => isRetry === true).length,
      },
    );
    for (const { watchId, jobId } of waiting) this.#waiting.set(watchId, jobId);
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
