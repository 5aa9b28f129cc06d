import type { WavePlan } from '../activities/host-watch.js';
import type { HostLook, HostPage, LookTarget, SeenKind, SeenRun } from '../domain/host-look.js';
import { advanceClock, type WatchClock } from '../domain/watch-clock.js';
import { describeFailure, isSilence } from './activity-failures.js';
import { lookAtDeclared, lookAtHost } from './activity-proxies.js';
import type { HostWatch } from './host-watch-state.js';

/** One look at the runs of a page: what kind of evidence it saw of each. */
export interface PageLook {
  /** By the watch's clock, and by the database's. */
  nowMs: number;
  readMs: number;
  kinds: readonly SeenKind[];
  seen: readonly number[];
}

/** Some runs of a page, with every look at them so far. */
export class SeenPage {
  constructor(
    readonly page: HostPage,
    readonly runs: readonly SeenRun[],
    readonly looks: readonly PageLook[],
    readonly clock: WatchClock,
  ) {}

  get size(): number {
    return this.runs.length;
  }

  /** The runs whose last look was of such a kind. */
  only(isMeant: (kind: SeenKind) => boolean): SeenPage {
    const last = this.looks.at(-1);
    return this.#keep((index) => {
      const kind = last?.kinds[last.seen[index] ?? -1];
      return kind !== undefined && isMeant(kind);
    });
  }

  /** The runs at these positions, without their last look: it got too old, and another one takes its place. */
  withoutLastLook(positions: readonly number[]): SeenPage {
    const { page, runs, looks, clock } = this.#keep((index) => positions.includes(index));
    return new SeenPage(page, runs, looks.slice(0, -1), clock);
  }

  #keep(isKept: (index: number) => boolean): SeenPage {
    return new SeenPage(
      this.page,
      this.runs.filter((_, index) => isKept(index)),
      this.looks.map((look) => ({ ...look, seen: look.seen.filter((_, index) => isKept(index)) })),
      this.clock,
    );
  }
}

/** Looks at a page; null if that fails. */
export async function firstLook(watch: HostWatch, plan: WavePlan, page: HostPage): Promise<SeenPage | null> {
  const look = await lookAt(watch, plan, { page, named: null });
  if (look === null) return null;
  const { runs, readMs, kinds, seen, rows, others } = look;
  watch.counts.seen += rows;
  watch.leaveOthers(others);
  // The look was over by now.
  const clock = advanceClock(null, Date.now(), readMs);
  return new SeenPage(page, runs, [{ nowMs: clock.nowMs, readMs, kinds, seen }], clock);
}

/** Looks at the same runs again; null if that fails. Those that are over, have changed or show nothing more are dropped. */
export async function lookAgain(
  watch: HostWatch,
  plan: WavePlan,
  { page, runs, looks, clock: before }: SeenPage,
): Promise<SeenPage | null> {
  // The look begins now.
  const askedMs = Date.now();
  const look = await lookAt(watch, plan, { page, named: runs });
  if (look === null) return null;
  const { readMs, kinds, seen, others } = look;
  watch.leaveOthers(others);
  const clock = advanceClock(before, askedMs, readMs);
  return new SeenPage(page, runs, [...looks, { nowMs: clock.nowMs, readMs, kinds, seen }], clock).only(
    () => true,
  );
}

/** The host's probe looks. What operators declared counts where no probe knows. */
async function lookAt(
  watch: HostWatch,
  { queue, isGone, limits }: WavePlan,
  target: LookTarget,
): Promise<HostLook | null> {
  const { host } = watch;
  try {
    if (queue === null || host === null) return await lookAtDeclared(host, target, limits, 'no host');
    let seen: HostLook;
    try {
      seen = await lookAtHost(queue, isGone, host, target, limits);
    } catch (error) {
      return await lookAtDeclared(host, target, limits, isSilence(error) ? 'silent' : 'failed');
    }
    return limits.placesGone ? await withDeclared(seen, host, target, limits) : seen;
  } catch (error) {
    watch.leave(target.named?.length ?? 1, `a look failed: ${describeFailure(error)}`);
    return null;
  }
}

/** Adds what was declared about runs that the probe does not know anything about. */
async function withDeclared(
  look: HostLook,
  host: string,
  target: LookTarget,
  limits: WavePlan['limits'],
): Promise<HostLook> {
  const runs = target.named ?? look.runs;
  const isUnknown = (index: number) => look.kinds[look.seen[index] ?? -1]?.state === 'unknown';
  const unknown = runs.filter((_, index) => isUnknown(index));
  if (unknown.length === 0) return look;
  const declared = await lookAtDeclared(host, { ...target, named: unknown }, limits, 'answered');
  const kinds = [...look.kinds, ...declared.kinds];
  let next = 0;
  const seen = look.seen.map((own, index) => {
    if (!isUnknown(index)) return own;
    const kind = declared.seen[next] ?? -1;
    next += 1;
    // It is of interest only if it was declared gone, or by its age: then the probe's own evidence says more.
    if (kind < 0) return -1;
    return declared.kinds[kind]?.state === 'dead' ? look.kinds.length + kind : own;
  });
  return { ...look, kinds, seen };
}
