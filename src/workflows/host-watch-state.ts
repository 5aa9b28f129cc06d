import { setCurrentDetails } from '@temporalio/workflow';
import type { Settled } from '../domain/settled.js';
import { describeHostWatch } from './describe-host-watch.js';
import type { HostWatchCounts, HostWatchState } from './messages.js';

/** Job ids and reasons that are kept, and characters of a reason. */
const NAMED = 8;
const MAX_WHY = 300;

/** What a host watch carries into its next execution: its place and its counts, and no run. */
export interface CarriedHostWatch {
  after: string | null;
  waves: number;
  counts: HostWatchCounts;
  sample: string[];
  why: string[];
}

/** Input of `watchHost`. */
export interface HostWatchInput {
  /** Null for the runs of no host. */
  host: string | null;
  carried?: CarriedHostWatch;
  /** For tests: runs on a page, pages in a wave, and waves after which it continues as new. */
  pageSize?: number;
  pages?: number;
  continueAfterWaves?: number;
}

/** How a host watch ended. */
export interface HostWatchResult extends HostWatchCounts {
  /** Why it ended early, in words, or null. */
  stopped: string | null;
}

/** One host watch's place and counts, for its page in the Web UI and for the reaper. */
export class HostWatch {
  readonly host: string | null;
  /** The job id after which its next wave begins. */
  after: string | null;
  waves: number;
  readonly counts: HostWatchCounts;
  readonly sample: string[];
  readonly why: string[];
  /** Why nothing more may be claimed, in words, or null. */
  stopped: string | null = null;
  #phase: HostWatchState['phase'] = 'looking';

  constructor({ host, carried }: HostWatchInput) {
    this.host = host;
    this.after = carried?.after ?? null;
    this.waves = carried?.waves ?? 0;
    this.counts = carried?.counts ?? {
      seen: 0,
      proven: 0,
      claimed: 0,
      lost: 0,
      recorded: 0,
      alerted: 0,
      held: 0,
      left: 0,
    };
    this.sample = carried?.sample ?? [];
    this.why = carried?.why ?? [];
  }

  get phase(): HostWatchState['phase'] {
    return this.#phase;
  }

  /** Enters a phase, and shows it on the watch's page. */
  enter(phase: HostWatchState['phase']): void {
    this.#phase = phase;
    setCurrentDetails(describeHostWatch(this));
  }

  /** Counts runs that show something which single watches look after. */
  leaveOthers(count: number): void {
    if (count > 0)
      this.leave(
        count,
        'too young, defunct, within their grace, or their probe failed: single watches look after them',
      );
  }

  leave(count: number, why: string): void {
    this.counts.left += count;
    const text = why.slice(0, MAX_WHY);
    if (this.why.length < NAMED && !this.why.includes(text)) this.why.push(text);
  }

  settled(settled: Settled): void {
    const { counts } = this;
    counts.proven += settled.proven;
    counts.claimed += settled.won;
    counts.lost += settled.lost;
    counts.recorded += settled.recorded;
    counts.alerted += settled.alerted;
    counts.held += settled.held;
    counts.left += settled.left;
    this.sample.push(...settled.sample.slice(0, NAMED - this.sample.length));
    for (const why of settled.why) this.leave(0, why);
    this.stopped ??= settled.stop;
    setCurrentDetails(describeHostWatch(this));
  }

  carry(): CarriedHostWatch {
    const { after, waves, counts, sample, why } = this;
    return { after, waves, counts, sample, why };
  }

  state(): HostWatchState {
    return { phase: this.#phase, counts: { ...this.counts }, sample: [...this.sample], why: [...this.why] };
  }
}
