import { workflowInfo } from '@temporalio/workflow';
import type { Scan, WatchTarget } from '../activities/sweeps.js';
import type { Cursor } from '../domain/page.js';
import type { Operation, Requested } from '../domain/operation.js';
import type { Waiting } from '../domain/places.js';
import type { Status } from '../domain/status.js';
import { DEFAULT_POLICY, type Policy } from '../domain/types.js';
import { HostTurns, type CarriedTurn } from './host-watches.js';
import type { ReapAnswer, ReaperStatus, SweepSummary } from './messages.js';
import type { RoundFacts } from './round.js';

/** Characters of a job id that are carried over, because it is only shown. */
const SHOWN_JOB_ID = 60;

/** Maximum of hosts whose reports wait. */
const MAX_REPORTED = 200;

/** A host, and the queue of its probe. */
export type HostQueue = Scan['hosts'][number];

/** What is kept of a scan until the next one. */
export type ScanFacts = Omit<RoundFacts, 'hosts'>;

/** A watch that is, or may be, open. */
export interface OpenWatch extends Pick<WatchTarget, 'watchId' | 'jobId'> {
  /** Its run's host, empty for none. Absent if its name is long, and from what an older version carried. */
  host?: string;
  /** Its run could not be claimed before. Such watches get only a share of the places. */
  isRetry?: boolean;
  /** Its run's process was dead when it was started. */
  isDead?: boolean;
  /** Its run's gate is to be asked: no host watch could look after it. */
  needsGate?: boolean;
  /** The exit record that it was last woken for, see `Symptom.exitRecord`. */
  exitRecord?: string | null;
}

/** An operator's request to reap, and its watch's answer once it came. */
export interface PendingReap {
  answer: ReapAnswer | null;
}

/** What the reaper carries into its next execution. */
export interface CarriedReaper {
  sweepWanted: boolean;
  operations: Requested[];
  watches: OpenWatch[];
  /** Absent from what an older version carried. */
  queue?: Waiting[];
  /** Absent from what an older version carried. */
  leaseQueue?: string | null;
  hostsAfter: string | null;
  rowCursor: Cursor | null;
  /** Always empty. In what an older version carried, where each host's examination would continue. */
  hostCursors: [host: string, cursor: Cursor][];
  /** Hosts that reported symptoms and are not examined yet; absent from what an older version carried. */
  reported?: HostQueue[];
  /** From the last scan; absent from what an older version carried. */
  scanned?: Omit<ScanFacts, 'policy'> | null;
  /** Hosts whose watch is open, and since when; absent from what an older version carried. */
  hostWatches?: CarriedTurn[];
  sweeps: number;
  nextSweepMs: number;
  policy: Policy | null;
  status: Status | null;
  lastSweep: SweepSummary | null;
}

/** Input of `jobReaper`: empty, or what the previous execution carried over. */
export interface ReaperInput {
  carried?: CarriedReaper;
  /** For tests: continue as new after this many sweeps, as if the history had grown too long. */
  continueAfterSweeps?: number;
  /** For tests: events after which the reaper continues as new whatever waits, instead of 30,000. */
  historyLimit?: number;
}

/** The reaper's state: requests, open watches, where the next scan continues, and the last sweep. */
export class Reaper {
  readonly watches: Map<string, OpenWatch>;
  /**
   * Ids of watches whose end is not reported here, because a previous execution started them. In the order in which they are asked
   * whether they are still there.
   */
  readonly orphans: Set<string>;
  /** Those for which the last sweep had no place, the one that has waited longest first. */
  queue: Waiting[];
  /** The queue of the workers that reclaim merge leases, from the last successful scan. */
  leaseQueue: string | null;
  /** The host after which the next scan continues, if there are too many for one. */
  hostsAfter: string | null;
  /** What the last sweep saw of runs, by the ids of their watches. */
  readonly lastSeen = new Map<string, { host: string | null; symptom: string | null }>();
  /** Which host watches are open, which is carried over, and when others may start. */
  readonly hostTurns: HostTurns;
  rowCursor: Cursor | null;
  /** Operators' requests that are not in Postgres yet, oldest first. */
  readonly operations: Requested[];
  /** Operators' `reap` requests that wait for a watch's answer, by the ids of the watches. */
  readonly pendingReaps = new Map<string, PendingReap>();
  /** True while a request is being written. */
  operating = false;
  /** Kinds of notifications that are due. */
  due: readonly string[] = [];
  /** Notifications that are due, from a scan that does not know their kinds. */
  owed: number[] = [];
  /** Those that are being sent, and the kinds of which all are. */
  readonly settling = new Set<number | string>();
  /** True while the reaper is about to continue as new: no request and no notification is started. */
  continuingAsNew = false;
  /** Hosts that reported symptoms and wait to be examined, by name: reports of one host coalesce. */
  readonly reported: Map<string, HostQueue>;
  /** Those that are being examined. */
  readonly examining = new Map<string, HostQueue>();
  /** What the last scan said about watches; null before the first one. */
  scanned: ScanFacts | null;
  /** From the last scan; null before the first one. */
  policy: Policy | null;
  /** When the next sweep is due, by the workflow's clock. */
  nextSweepMs: number;
  /** Sweeps begun and ended over the reaper's whole lifetime. */
  begun: number;
  ended: number;
  /** The last sweep that an update waits for, or has waited for. */
  awaited = 0;
  status: Status | null;
  lastSweep: SweepSummary | null;
  #sweepWanted: boolean;
  #asked = 0;
  #begunMs = 0;

  constructor(carried: CarriedReaper | undefined) {
    this.watches = new Map(carried?.watches.map((watch) => [watch.watchId, watch]));
    this.orphans = new Set(this.watches.keys());
    this.hostTurns = new HostTurns(carried?.hostWatches);
    this.queue = carried?.queue ?? [];
    this.leaseQueue = carried?.leaseQueue ?? null;
    this.hostsAfter = carried?.hostsAfter ?? null;
    this.rowCursor = carried?.rowCursor ?? null;
    this.operations = carried?.operations ?? [];
    this.nextSweepMs = carried?.nextSweepMs ?? 0;
    this.begun = this.ended = carried?.sweeps ?? 0;
    this.policy = carried?.policy ?? null;
    this.reported = new Map(carried?.reported?.map((report) => [report.host, report]));
    this.scanned = carried?.policy && carried.scanned ? { ...carried.scanned, policy: carried.policy } : null;
    this.status = carried?.status ?? null;
    this.lastSweep = carried?.lastSweep ?? null;
    // A fresh reaper sweeps at once.
    this.#sweepWanted = carried?.sweepWanted ?? true;
  }

  /** Frees the place of a watch that is over, or only has a notification left to send. */
  forget(watchId: string): void {
    this.watches.delete(watchId);
    this.orphans.delete(watchId);
  }

  get notifying(): boolean {
    return this.settling.size > 0;
  }

  /** Keeps what rounds between this scan and the next one need. */
  keep({ policy, paused, watchAll, runs, retries = [] }: Scan): void {
    this.scanned = { policy, paused, watchAll: watchAll ?? runs !== null, runs: null, retries };
  }

  /** Lets an operator's request wait until it is written. */
  ask(operation: Operation): void {
    this.#asked += 1;
    this.operations.push({ ...operation, key: `${workflowInfo().runId}/${this.#asked}` });
  }

  /** Beyond a limit reports are dropped: the next sweep examines these hosts too. */
  report(report: HostQueue): void {
    if (this.reported.size < MAX_REPORTED) this.reported.set(report.host, report);
  }

  /** The open watches by host, as far as the last sweep saw their runs' hosts. */
  watchedByHost(): Map<string, string[]> {
    const byHost = new Map<string, string[]>();
    for (const [watchId, { host }] of this.lastSeen) {
      if (host === null || !this.watches.has(watchId)) continue;
      const ids = byHost.get(host);
      if (ids) ids.push(watchId);
      else byHost.set(host, [watchId]);
    }
    return byHost;
  }

  /** Requests coalesce: one sweep that begins afterwards serves them all. */
  requestSweep(): void {
    this.#sweepWanted = true;
  }

  get sweepWanted(): boolean {
    return this.#sweepWanted;
  }

  beginSweep(): number {
    this.#sweepWanted = false;
    this.begun += 1;
    this.#begunMs = Date.now();
    this.nextSweepMs = this.#begunMs + 1000 * (this.policy ?? DEFAULT_POLICY).intervalS;
    return this.begun;
  }

  /** Milliseconds until the next sweep is due: never more than an interval, even if Temporal's clock was set back. */
  get untilNextSweepMs(): number {
    return Math.min(this.nextSweepMs - Date.now(), 1000 * (this.policy ?? DEFAULT_POLICY).intervalS);
  }

  /**
   * Takes the policy from a scan; true if it differs from the previous one. Sweeps begin one interval apart, however long
   * they take.
   */
  learn(policy: Policy): boolean {
    const isChanged = this.policy !== null && JSON.stringify(this.policy) !== JSON.stringify(policy);
    this.policy = policy;
    this.nextSweepMs = this.#begunMs + 1000 * policy.intervalS;
    return isChanged;
  }

  carry(): CarriedReaper {
    return {
      sweepWanted: this.#sweepWanted,
      operations: this.operations,
      watches: [...this.watches.values()].map(({ jobId, ...watch }) => ({
        ...watch,
        jobId: jobId.slice(0, SHOWN_JOB_ID),
      })),
      queue: this.queue,
      leaseQueue: this.leaseQueue,
      hostsAfter: this.hostsAfter,
      rowCursor: this.rowCursor,
      hostCursors: [],
      reported: [...this.examining.values(), ...this.reported.values()],
      scanned: this.scanned && {
        paused: this.scanned.paused,
        watchAll: this.scanned.watchAll ?? false,
        runs: null,
      },
      hostWatches: this.hostTurns.carry(),
      sweeps: this.ended,
      nextSweepMs: this.nextSweepMs,
      policy: this.policy,
      status: this.status,
      lastSweep: this.lastSweep,
    };
  }

  describe(): ReaperStatus {
    return { status: this.status, lastSweep: this.lastSweep };
  }
}
