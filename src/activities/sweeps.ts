import { ApplicationFailure } from '@temporalio/activity';
import { readDueRetries } from '../db/claim-trouble.js';
import { checkRunningJobs } from '../db/check-running-jobs.js';
import { readControl } from '../db/control.js';
import type { Database } from '../db/database.js';
import { readFleet, readRuns, type Fleet } from '../db/fleet.js';
import { hasLeaseWorker } from '../db/lease-workers.js';
import { readDueKinds, readDueNotifications } from '../db/notification.js';
import { pruneRuns } from '../db/prune-runs.js';
import { recordSweep } from '../db/record-sweep.js';
import { readStatus } from '../db/status.js';
import { countSymptoms, readSymptoms } from '../db/symptoms.js';
import { isWorthRetrying } from '../db/worth-retrying.js';
import type { Cursor, Page } from '../domain/page.js';
import type { Status } from '../domain/status.js';
import type { HostedRun, Policy, RunRef } from '../domain/types.js';
import type { Logger } from '../log.js';
import type { ProcessMetrics } from '../metrics/process-metrics.js';
import type { Names } from '../naming.js';

/** Maximum of symptoms that one scan returns; the next scan continues after them. */
const SYMPTOM_PAGE = 250;
/** Maximum of hosts that one sweep examines: a workflow has room for 2,000 activities at once. */
const HOST_PAGE = 500;
/** Rows that cannot be watched: how many of them a sweep's summary names. */
const UNWATCHABLE_SHOWN = 5;
/** Maximum of owed notifications that one sweep of an older version sends. */
const OWED_PAGE = 20;
/** Maximum of due retries that one scan names. */
const RETRY_PAGE = 1_000;

/** A run to watch. */
export interface WatchTarget extends HostedRun {
  watchId: string;
}

/** A run that shows a symptom. */
export interface Symptom extends WatchTarget {
  symptom: string;
  /** The exit code and when it was recorded, as a text that changes when it is written again; null without one. */
  exitRecord?: string | null;
  /** Its gate is to be asked, which only a watch of its own does. Only for a caller that knows it, see `ScanOptions.gates`. */
  needsGate?: true;
}

/** What a caller of `scan` can handle. */
export interface ScanOptions {
  /** Accepts a scan in which parts failed; without it the whole scan fails. @default false */
  inParts?: boolean;
  /** Leaves out hosts whose probes report by themselves that nothing is wrong, except some in turn. @default false */
  byReport?: boolean;
  /** Gives no host watch to runs whose gate is to be asked. Others are not told which: their histories must replay. @default false */
  gates?: boolean;
}

/** What one scan of Postgres found. Its size does not grow with the number of healthy jobs above the fan-out limit. */
export interface Scan {
  /** The database's clock in Unix milliseconds. */
  atMs: number;
  mode: 'active' | 'observe';
  paused: string | null;
  policy: Policy;
  running: number;
  /** The hosts to examine now, and the one after which the next scan continues, or null if these are all. */
  hosts: { host: string; queue: string }[];
  /**
   * If more rows show a symptom than a page holds: how many on a host, where several do, whether it is to be examined or not; under an
   * empty name those of no host. Those whose gate is to be asked are not counted. Missing from workers of older versions.
   */
  crowds?: [host: string, runs: number][];
  nextHost: string | null;
  /** Hosts that are left out because nothing is wrong there; missing from workers of older versions. */
  healthyHosts?: number;
  /** Whether every host is listed or one of those; missing from workers of older versions. */
  sawAllHosts?: boolean;
  /** Whether every run has a watch; missing from workers of older versions. */
  watchAll?: boolean;
  /** Every run, while there are no more than the fan-out limit; else, or if they could not be read, null. */
  runs: WatchTarget[] | null;
  symptoms: Page<Symptom>;
  /** Notifications that are due, the first ones: for older versions. */
  owed: number[];
  /** The kinds of all notifications that are due; missing from workers of older versions. */
  due?: string[];
  /** The queue of the workers that reclaim merge leases; null if there are none, or nothing may be reclaimed now. */
  leaseQueue: string | null;
  unwatchable: Fleet['unwatchable'];
  /** Ids of the watches whose run could not be claimed before and is due for a retry. */
  retries?: string[];
  /** What could not be read, in words; the rest is valid. */
  failed?: string[];
}

/** The parts of a sweep's summary that its record depends on. */
export interface RecordableSweep {
  error: string | null;
  seconds: number;
}

/** What {@link createSweepActivities} needs. */
export interface SweepActivitiesOptions {
  pool: Database;
  names: Names;
  log: Logger;
  metrics: ProcessMetrics;
}

/** The activities of a sweep: what Postgres shows about all running jobs, and the sweep's record. As role `reaper`. */
export function createSweepActivities({ pool, names, log, metrics }: SweepActivitiesOptions) {
  const target = <T extends RunRef>(run: T) => ({ ...run, watchId: names.watchId(run) });

  return {
    /**
     * One pass over all running jobs, as Postgres shows them. For a caller that accepts parts, no part fails the others: a row that
     * the view cannot show delays no lease and no notification.
     */
    async scan(
      after: Cursor | null,
      hostsAfter: string | null = null,
      { inParts = false, byReport = false, gates = false }: ScanOptions = {},
    ): Promise<Scan> {
      const control = await readControl(pool);
      const { policy } = control;
      const failed: string[] = [];
      const part = async <T>(what: string, read: () => Promise<T>, without: T): Promise<T> => {
        try {
          return await read();
        } catch (error) {
          if (!inParts || isWorthRetrying(error)) throw error;
          failed.push(`${what}: ${(error as Error).message}`);
          return without;
        }
      };
      const unreadable = await part('rows', () => checkRunningJobs(pool), []);
      const fleet = await part(
        'running jobs',
        () =>
          readFleet(pool, {
            after: hostsAfter,
            limit: HOST_PAGE,
            intervalS: byReport ? policy.intervalS : null,
          }),
        null,
      );
      const watchAll = fleet !== null && fleet.running <= policy.watchAllLimit;
      const blocked = control.paused || !policy.enabled;
      const mayReclaim = policy.leaseReclaim && !control.paused && control.mode === 'active';
      const none = { items: [], next: null };
      const symptoms = blocked
        ? none
        : await part('symptoms', () => readSymptoms(pool, policy, after, SYMPTOM_PAGE, !watchAll), none);
      // A page can hold one run of each of many hosts that have lost all theirs.
      const crowds =
        symptoms.next === null
          ? []
          : await part('symptoms by host', () => countSymptoms(pool, policy, HOST_PAGE, !watchAll), []);
      const runs = watchAll ? await part('runs', () => readRuns(pool, policy.watchAllLimit), null) : null;
      return {
        atMs: Date.parse(control.now),
        mode: control.mode,
        paused: control.paused
          ? `${control.pausedBy ?? 'an unknown operator'}: ${control.pausedReason ?? ''}`
          : null,
        policy,
        running: (fleet?.running ?? 0) + unreadable.length,
        hosts: (fleet?.hosts ?? []).map((host) => ({ host, queue: names.probeQueue(host) })),
        crowds,
        nextHost: fleet?.nextHost ?? null,
        healthyHosts: fleet?.healthyHosts ?? 0,
        sawAllHosts: fleet?.isWhole ?? false,
        watchAll,
        runs: runs === null ? null : runs.map(target),
        symptoms: {
          items: symptoms.items.map(({ needsGate, ...run }) => ({
            ...target(run),
            ...(gates && needsGate && { needsGate }),
          })),
          next: symptoms.next,
        },
        owed: await part('notifications', () => readDueNotifications(pool, OWED_PAGE), []),
        due: await part('notifications', () => readDueKinds(pool), []),
        leaseQueue:
          mayReclaim && (await part('lease workers', () => hasLeaseWorker(pool), false))
            ? names.leaseQueue
            : null,
        unwatchable: {
          count: unreadable.length + (fleet?.unwatchable.count ?? 0),
          sample: [...unreadable, ...(fleet?.unwatchable.sample ?? [])].slice(0, UNWATCHABLE_SHOWN),
        },
        retries: (await part('retries', () => readDueRetries(pool, RETRY_PAGE), [])).map(
          (run) => target(run).watchId,
        ),
        failed,
      };
    },

    /**
     * Records a sweep. Returns the state for the reaper's query, or null if it cannot be read, which does not fail the sweep.
     *
     * @throws ApplicationFailure of type `Refused` if only the sweep itself was recorded, and not what follows from it
     */
    async recordSweep(atMs: number, summary: RecordableSweep): Promise<Status | null> {
      const { isNew, error } = await recordSweep(pool, atMs, summary);
      if (isNew) {
        const failed = summary.error !== null || error !== null;
        metrics.countSweep({ failed, seconds: summary.seconds });
      }
      if (error !== null) throw ApplicationFailure.nonRetryable(error, 'Refused');
      await pruneRuns(pool).catch((error: unknown) => log.warn('notes of ended runs stay', { error }));
      try {
        return await readStatus(pool);
      } catch (unread) {
        log.warn('the sweep was recorded, but the status could not be read', { error: unread });
        return null;
      }
    },
  };
}
