import { patched } from '@temporalio/workflow';
import type { Scan, Symptom, WatchTarget } from '../activities/sweeps.js';
import { countForHostWatches } from '../domain/host-watch-share.js';
import { Line, queueUp, type Places } from '../domain/places.js';
import type { Poke, SweepSummary } from './messages.js';
import { hasHostWatches, hostWatchId, startHostWatch } from './host-watches.js';
import type { OpenWatch, Reaper } from './reaper-state.js';
import { pokeWatch, startWatch } from './watches.js';

/** Watches of crowds that are started at a time: until a server has started hundreds, it starts nothing else. */
const CROWDS_AT_ONCE = 25;

/** Maximum of orphans that one sweep asks whether they are still there. */
const MAX_ORPHANS_ASKED = 100;

/** A watched run that shows a symptom. */
export type Sighting = Pick<Symptom, 'watchId' | 'host' | 'symptom'>;

/** A watch to be started. */
interface Start extends WatchTarget {
  isRetry: boolean;
  isDead: boolean;
  poke: Poke | null;
}

/** What a round needs to know from a scan. */
export type RoundFacts = Pick<
  Scan,
  'policy' | 'paused' | 'hosts' | 'crowds' | 'watchAll' | 'runs' | 'retries'
>;

/** What a round counts. */
export type RoundTally = Pick<SweepSummary, 'started' | 'alreadyStarted' | 'poked'> & Partial<SweepSummary>;

/**
 * What one sweep does about watches: starts those that are due if a place is free, and pokes those whose run shows a symptom
 * or may be over. Each run is handled once.
 */
export class Round {
  /** The symptoms, by the ids of the watches whose run shows one. */
  readonly symptoms = new Map<string, Sighting>();
  readonly #isBlocked: boolean;
  /** Whether watches may park: every run has one. */
  readonly #park: boolean;
  readonly #retries: ReadonlySet<string>;
  /** What has no free place yet. */
  #line: Line<Start>;
  /** Whether those that wait keep their turn. Older histories know none. */
  #inTurn = false;
  /** In older histories, what found no free place: it is not asked again in this sweep. */
  readonly #passedOver = new Map<string, Start>();

  /** Runs that need repair: those whose watch was open and not parked before this sweep, and the new ones. */
  #needy: number;
  /** The new ones by host. */
  readonly #newOn: Map<string, number>;
  /** Hosts of which a page of symptoms shows too little: all their new ones are counted already. */
  readonly #crowds: ReadonlySet<string>;

  /** @param readMs when the round's facts were asked for, by the workflow's clock */
  constructor(
    private readonly reaper: Reaper,
    private readonly found: RoundFacts,
    private readonly summary: RoundTally,
    private readonly readMs: number,
  ) {
    this.#isBlocked = !found.policy.enabled || found.paused !== null;
    this.#park = found.watchAll ?? found.runs !== null;
    this.#retries = new Set(found.retries);
    this.#line = new Line(reaper.queue);
    this.#needy = this.#park ? 0 : reaper.watches.size;
    const crowds = this.#withoutWatched(found.crowds ?? []);
    this.#newOn = new Map(crowds);
    this.#crowds = new Set(this.#newOn.keys());
    for (const [, runs] of crowds) this.#needy += runs;
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
    const jobs = [...this.#passedOver.values(), ...this.#line.waiting].flatMap((target) =>
      this.#isWatched(target) ? [] : target.jobId,
    );
    return { count: jobs.length, jobs: jobs.slice(0, 5).map((jobId) => jobId.slice(0, 60)) };
  }

  /** The hosts of the runs that show a symptom, as far as this sweep saw them; an empty name for the runs of no host. */
  get hosts(): ReadonlySet<string> {
    return new Set([...this.symptoms.values()].map(({ host }) => host ?? ''));
  }

  /** Wakes open watches whose run shows a symptom, unless nothing may be claimed anyway. One that is over by now is left alone. */
  async pokeWatched(found: readonly Sighting[]): Promise<void> {
    if (this.#isBlocked) return;
    const pokes = found.flatMap((sighting) => {
      const watch = this.reaper.watches.get(sighting.watchId);
      if (watch === undefined || this.symptoms.has(sighting.watchId)) return [];
      this.symptoms.set(sighting.watchId, sighting);
      return this.#poke(watch, { why: sighting.symptom === 'dead' ? 'dead' : 'symptom', park: this.#park });
    });
    if (pokes.length > 0) await Promise.all(pokes);
  }

  /** Starts the watches of hosts of which a page of symptoms shows too little, unless nothing may be claimed anyway. Never throws. */
  async watchCrowds(): Promise<void> {
    if (this.#isBlocked || this.#crowds.size === 0 || !this.#isStorm()) return;
    const crowds = [...this.#crowds];
    for (let n = 0; n < crowds.length; n += CROWDS_AT_ONCE) {
      const hosts = this.#shareHostTurns(crowds.slice(n, n + CROWDS_AT_ONCE));
      await Promise.all(hosts.map((host) => this.#watchHost(host)));
    }
  }

  /** Wakes or starts the watch of each run with a symptom, unless nothing may be claimed anyway. */
  async watchSymptoms(found: readonly Symptom[]): Promise<void> {
    if (this.#isBlocked) return;
    const targets = found.filter(({ watchId }) => !this.symptoms.has(watchId));
    for (const target of targets) this.symptoms.set(target.watchId, target);
    const toPoke = ({ watchId, symptom, exitRecord, needsGate }: Symptom): Poke => {
      const known = this.reaper.watches.get(watchId);
      const isRewritten =
        typeof exitRecord === 'string' && known !== undefined && known.exitRecord !== exitRecord;
      if (isRewritten)
        this.reaper.watches.set(watchId, { ...known, exitRecord, needsGate: needsGate === true });
      // The reason for its watch's wait may no longer hold.
      if (isRewritten) return { why: 'look', park: this.#park };
      return { why: symptom === 'dead' ? 'dead' : 'symptom', park: this.#park };
    };
    const { hosts, singles } = this.#divide(targets);
    await Promise.all([
      ...targets
        .filter((target) => this.#isWatched(target))
        .map((target) => this.#poke(target, toPoke(target))),
      ...this.#begin(singles, toPoke),
      ...hosts.filter((host) => !this.#crowds.has(host)).map((host) => this.#watchHost(host)),
    ]);
  }

  /** Divides the runs with a new symptom where there are so many that single watches would take long: hosts to watch, and single runs. */
  #divide(targets: readonly Symptom[]): { hosts: string[]; singles: readonly Symptom[] } {
    const fresh = targets.filter((target) => !this.#isWatched(target));
    for (const [host, runs] of countForHostWatches(fresh)) {
      if (this.#crowds.has(host)) continue;
      this.#needy += runs;
      this.#newOn.set(host, (this.#newOn.get(host) ?? 0) + runs);
    }
    if (!this.#isStorm()) return { hosts: [], singles: targets };
    const several = [...new Set(fresh.map(({ host }) => host ?? ''))].filter(
      (host) => (this.#newOn.get(host) ?? 0) >= 2,
    );
    const seenTo = new Set(several.filter((host) => this.#isSeenTo(host)));
    const hosts = this.#shareHostTurns(several);
    const together = new Set([...hosts, ...seenTo]);
    // Those that could not be claimed before stay apart, with their back-off.
    const isSingle = (target: Symptom) =>
      this.#isWatched(target) ||
      this.#retries.has(target.watchId) ||
      target.needsGate === true ||
      !together.has(target.host ?? '');
    const singles = targets.filter(isSingle);
    for (const target of targets) if (!isSingle(target)) this.#line.remove(target.watchId);
    return { hosts, singles };
  }

  #isStorm(): boolean {
    const { policy } = this.found;
    return hasHostWatches(policy) && this.#needy > policy.batchAbove && patched('host-watch');
  }

  /** Those of these crowds that are some even without the runs that have a watch of their own. Crowds count none that needs its gate. */
  #withoutWatched(crowds: readonly [host: string, runs: number][]): [host: string, runs: number][] {
    const watched = new Map<string, number>();
    for (const { host, needsGate } of this.reaper.watches.values()) {
      if (host !== undefined && needsGate !== true) watched.set(host, (watched.get(host) ?? 0) + 1);
    }
    return crowds.flatMap(([host, runs]): [string, number][] => {
      const fresh = runs - (watched.get(host) ?? 0);
      return fresh > 1 ? [[host, fresh]] : [];
    });
  }

  /** Those of these hosts that have a watch, or may have one now. */
  #shareHostTurns(hosts: readonly string[]): string[] {
    const { hostTurns } = this.reaper;
    let room = hostTurns.room(this.found.policy);
    return hosts.filter((host) => {
      if (!this.#mayHaveHostWatch(host)) return false;
      if (hostTurns.isOpen(host)) return true;
      room -= 1;
      return room >= 0;
    });
  }

  /**
   * Whether a watch of this host ended after this round's facts were read: what they tell of its runs may be over. The next sweep sees
   * what is left.
   */
  #isSeenTo(host: string): boolean {
    return this.reaper.hostTurns.endedAfter(host, this.readMs) && patched('host-watch-once-a-scan');
  }

  #mayHaveHostWatch(host: string): boolean {
    const { hostTurns, begun } = this.reaper;
    if (this.#isSeenTo(host)) return false;
    return hostWatchId(host, this.found) !== null && !hostTurns.isForSingles(host, begun, this.found.policy);
  }

  async #watchHost(host: string): Promise<void> {
    const id = hostWatchId(host, this.found);
    const { hostTurns } = this.reaper;
    if (id === null || (hostTurns.isOpen(host) && !hostTurns.mayAsk(host))) return;
    const isNew = await startHostWatch(hostTurns, host, id, this.found.policy);
    if (isNew) this.summary.hostWatches = (this.summary.hostWatches ?? 0) + 1;
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
    this.#line.close();
    const started = this.#line.isEmpty ? [] : this.#begin([], () => null);
    this.reaper.queue = queueUp(this.#line.waiting);
    return started;
  }

  #begin<T extends WatchTarget & { symptom?: string }>(
    targets: readonly T[],
    toPoke: (target: T) => Poke | null,
  ): Promise<void>[] {
    const { reaper, summary } = this;
    const { policy } = this.found;
    const watches = [...reaper.watches.values()];
    for (const { watchId } of watches) this.#line.remove(watchId);
    for (const target of targets) {
      if (this.#isWatched(target)) continue;
      this.#line.add({
        ...target,
        isRetry: this.#retries.has(target.watchId),
        isDead: target.symptom === 'dead' || target.symptom === 'host gone',
        poke: toPoke(target),
      });
    }
    const places: Places = {
      places: policy.maxWatches,
      taken: watches.length,
      takenByRetries: watches.filter(({ isRetry }) => isRetry === true).length,
      takenByOthers: watches.filter(({ isDead }) => isDead !== true).length,
    };
    // While every run has a watch, there are enough places.
    const isReserving = !this.#park && this.#line.keepsPlaces(places) && patched('places-for-the-dead');
    const begun = this.#line.shareOut({ ...places, isReserving });
    if (!this.#line.isEmpty) this.#inTurn ||= patched('places-in-turn');
    if (!this.#inTurn) {
      for (const target of this.#line.waiting) this.#passedOver.set(target.watchId, target);
      if (!this.#line.isEmpty) this.#line = new Line<Start>([]);
    }
    return begun.map(async (target) => {
      const isNew = await startWatch(reaper, target, target.poke, policy.searchAttributes);
      summary[isNew ? 'started' : 'alreadyStarted'] += 1;
    });
  }

  #look(isWanted: (watch: OpenWatch) => boolean): Promise<void>[] {
    const poke: Poke = { why: 'look', park: this.#park };
    return [...this.reaper.watches.values()].filter(isWanted).map((target) => this.#poke(target, poke));
  }

  async #poke(target: Pick<OpenWatch, 'watchId'>, poke: Poke): Promise<void> {
    if (await pokeWatch(this.reaper, target, poke)) this.summary.poked += 1;
  }

  #isWatched({ watchId }: { watchId: string }): boolean {
    return this.reaper.watches.has(watchId);
  }
}
