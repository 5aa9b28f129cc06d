import { patched } from '@temporalio/workflow';
import type { Scan, Symptom, WatchTarget } from '../activities/sweeps.js';
import { queueUp, shareOut } from '../domain/places.js';
import type { Poke, SweepSummary } from './messages.js';
import type { OpenWatch, Reaper } from './reaper-state.js';
import { pokeWatch, startWatch } from './watches.js';

/** Maximum of orphans that one sweep asks whether they are still there. */
const MAX_ORPHANS_ASKED = 100;

/** A watch to be started. */
interface Start extends WatchTarget {
  isRetry: boolean;
  poke: Poke | null;
}

/**
 * What one sweep does about watches: starts those that are due if a place is free, and pokes those whose run shows a symptom
 * or may be over. Each run is handled once.
 */
export class Round {
  /** The symptoms, by the ids of the watches whose run shows one. */
  readonly symptoms = new Map<string, Symptom>();
  readonly #isBlocked: boolean;
  /** Whether watches may park: every run has one. */
  readonly #park: boolean;
  readonly #retries: ReadonlySet<string>;
  /** What had no free place yet, by the ids of its watch, in the order of its turn. */
  #waiting = new Map<string, Start>();
  /** Whether those that wait keep their turn. Older histories know none. */
  #inTurn = false;

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
   * Asks some of the orphans whether they are still there, so that the places of those that are over become free in time for this
   * sweep's symptoms. For a watch that is still there nothing changes: no wait is cut short. While every run has a watch, the scan
   * already tells.
   */
  async askOrphans(): Promise<void> {
    const { orphans, watches } = this.reaper;
    if (this.#park || orphans.size === 0 || !patched('asks-orphans')) return;
    const asked = [...orphans].slice(0, MAX_ORPHANS_ASKED);
    // To the end of the queue.
    for (const watchId of asked) {
      orphans.delete(watchId);
      orphans.add(watchId);
    }
    const known = asked.flatMap((watchId) => watches.get(watchId) ?? []);
    await Promise.all(known.map((watch) => this.#poke(watch, { why: 'symptom', park: this.#park })));
  }

  /** Runs that wait for a free watch, as far as this sweep saw them. */
  get waiting(): { count: number; jobs: string[] } {
    const jobs = [...this.#waiting.values()].flatMap((target) =>
      this.#isWatched(target) ? [] : target.jobId,
    );
    return { count: jobs.length, jobs: jobs.slice(0, 5).map((jobId) => jobId.slice(0, 60)) };
  }

  /** Wakes or starts the watch of each run with a symptom, unless nothing may be claimed anyway. */
  async watchSymptoms(found: readonly Symptom[]): Promise<void> {
    if (this.#isBlocked) return;
    const targets = found.filter(({ watchId }) => !this.symptoms.has(watchId));
    for (const target of targets) this.symptoms.set(target.watchId, target);
    const toPoke = ({ watchId, symptom, exitRecord }: Symptom): Poke => {
      const known = this.reaper.watches.get(watchId);
      const isRewritten =
        typeof exitRecord === 'string' && known !== undefined && known.exitRecord !== exitRecord;
      if (isRewritten) this.reaper.watches.set(watchId, { ...known, exitRecord });
      // The reason for its watch's wait may no longer hold.
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

  /** While every run has a watch: starts those that are missing, and wakes those whose run is no longer running. */
  async watchAllRuns(running: readonly WatchTarget[]): Promise<void> {
    const ids = new Set(running.map(({ watchId }) => watchId));
    await Promise.all([
      ...this.#begin(running, () => null),
      ...this.#look(({ watchId }) => !ids.has(watchId) && !this.symptoms.has(watchId)),
    ]);
  }

  /** Wakes every open watch: its wait was decided by a policy that has changed. */
  async wakeAll(): Promise<void> {
    await Promise.all(this.#look(() => true));
  }

  /** While only runs with symptoms have watches: wakes those whose run no longer shows one. */
  async pokeRecovered(): Promise<void> {
    await Promise.all(this.#look(({ watchId }) => !this.symptoms.has(watchId)));
  }

  /**
   * Starts what still waits once every host has answered or is late: no place is kept any longer for a run that was not seen. What
   * waits even then goes first in the next sweep, whichever host answers first.
   */
  closeQueue(): Promise<void>[] {
    if (this.#isBlocked) return [];
    const { reaper } = this;
    reaper.queue = this.#inTurn ? [...this.#waiting.values()] : [];
    const started = reaper.queue.length > 0 ? this.#begin([], () => null) : [];
    reaper.queue = queueUp(reaper.queue, this.found.policy.maxWatches);
    return started;
  }

  #begin<T extends WatchTarget>(targets: readonly T[], toPoke: (target: T) => Poke | null): Promise<void>[] {
    const { reaper, summary } = this;
    const { policy } = this.found;
    const isUnwatched = (known: { watchId: string }) => !this.#isWatched(known);
    const due = new Map([...(this.#inTurn ? this.#waiting : [])].filter(([, target]) => isUnwatched(target)));
    for (const target of targets.filter(isUnwatched)) {
      const { watchId } = target;
      if (due.has(watchId)) continue;
      due.set(watchId, { ...target, isRetry: this.#retries.has(watchId), poke: toPoke(target) });
    }
    const { begun, waiting } = shareOut([...due.values()], {
      places: policy.maxWatches,
      taken: reaper.watches.size,
      takenByRetries: [...reaper.watches.values()].filter(({ isRetry }) => isRetry === true).length,
      queue: reaper.queue.filter(isUnwatched),
    });
    if (waiting.length > 0) this.#inTurn ||= patched('places-in-turn');
    const started = new Set(begun.map(({ watchId }) => watchId));
    reaper.queue = reaper.queue.filter(({ watchId }) => !started.has(watchId));
    const waited = this.#inTurn ? [] : this.#waiting;
    this.#waiting = new Map([...waited, ...waiting.map((target) => [target.watchId, target] as const)]);
    return begun.map(async (target) => {
      const isNew = await startWatch(reaper, target, target.poke, policy.searchAttributes);
      summary[isNew ? 'started' : 'alreadyStarted'] += 1;
    });
  }

  #look(isWanted: (watch: OpenWatch) => boolean): Promise<void>[] {
    const poke: Poke = { why: 'look', park: this.#park };
    return [...this.reaper.watches.values()].filter(isWanted).map((target) => this.#poke(target, poke));
  }

  async #poke(target: OpenWatch, poke: Poke): Promise<void> {
    if (await pokeWatch(this.reaper, target, poke)) this.summary.poked += 1;
  }

  #isWatched({ watchId }: { watchId: string }): boolean {
    return this.reaper.watches.has(watchId);
  }
}
