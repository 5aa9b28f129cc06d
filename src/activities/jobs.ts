import { ApplicationFailure } from '@temporalio/activity';
import type { Database } from '../db/database.js';
import { oweBackstopAlert, type BackstopAlert } from '../db/backstop-alert.js';
import { checkRunningJobs } from '../db/check-running-jobs.js';
import { claim, type Claim, type ClaimResult } from '../db/claim.js';
import { noteClaimTrouble, readDueRetries, type Trouble } from '../db/claim-trouble.js';
import { readControl } from '../db/control.js';
import { DatabaseClock, type ClockReading } from '../db/database-clock.js';
import { findRunningJob } from '../db/find-running-job.js';
import { readFleet, readRuns, type Fleet } from '../db/fleet.js';
import type { Cursor, Page } from '../domain/page.js';
import { hasLeaseWorker } from '../db/lease-workers.js';
import { findLedgerEntry } from '../db/ledger.js';
import { readDueNotifications } from '../db/notification.js';
import { observeRun, type RunFacts } from '../db/observe-run.js';
import { operate } from '../db/operate.js';
import type { Operation } from '../domain/operation.js';
import { recordSweep } from '../db/record-sweep.js';
import { readStatus } from '../db/status.js';
import type { Status } from '../domain/status.js';
import { readSymptoms } from '../db/symptoms.js';
import { isWorthRetrying } from '../db/worth-retrying.js';
import type { HostedRun, JobRun, Outcome, Policy, RunRef } from '../domain/types.js';
import { whyUnwatchable } from '../domain/watchable.js';
import type { Logger } from '../log.js';
import { ProcessMetrics } from '../metrics/process-metrics.js';
import type { Names } from '../naming.js';
import { ClaimShare } from './claim-share.js';
import { giveUpOnAnswer } from './give-up.js';
import { Once } from './once.js';

/** Symptoms that one scan returns at most; the next scan goes on behind them. */
const SYMPTOM_PAGE = 250;
/** Hosts that one sweep examines at most: a workflow has room for 2,000 activities at once. */
const HOST_PAGE = 500;
/** Rows that cannot be watched and are named in a sweep's summary. */
const UNWATCHABLE_SHOWN = 5;
/** Owed notifications that one sweep settles at most. */
const OWED_PAGE = 20;
/** Due retries that one scan names at most. */
const RETRY_PAGE = 1_000;
/** Claims at a time of runs whose row was locked before: half of the connections for claims. */
const BUSY_CLAIMS = 2;

/** A run that a watch is for. */
export interface WatchTarget extends HostedRun {
  watchId: string;
}

/** A run that shows a symptom. */
export interface Symptom extends WatchTarget {
  symptom: string;
  /** The exit code with the time of its record, as a text that differs when it is written again; null without one. */
  exitRecord?: string | null;
}

/** What a caller of `scan` makes of it. */
export interface ScanOptions {
  /** Takes a scan of which parts failed; without it the whole scan fails. @default false */
  inParts?: boolean;
}

/** What one scan of Postgres found. Its size does not grow with the number of healthy jobs above the fan-out limit. */
export interface Scan {
  /** The database's clock in Unix milliseconds. */
  atMs: number;
  mode: 'active' | 'observe';
  paused: string | null;
  policy: Policy;
  running: number;
  /** The hosts to examine now, and the one behind which the next scan goes on, or null behind the last. */
  hosts: { host: string; queue: string }[];
  nextHost: string | null;
  /** Whether every run has its watch; a worker of an older version does not tell. */
  watchAll?: boolean;
  /** Every run, while there are no more than the fan-out limit; else null, or where they could not be read. */
  runs: WatchTarget[] | null;
  symptoms: Page<Symptom>;
  /** Notifications that are due. */
  owed: number[];
  /** The queue of those who look after the merge leases; null where nobody does, or nothing may be reclaimed now. */
  leaseQueue: string | null;
  unwatchable: Fleet['unwatchable'];
  /** Ids of the watches whose run could not be claimed before and is due to be tried again. */
  retries?: string[];
  /** What could not be read, in words; the rest stands. */
  failed?: string[];
}

/** A fresh look at a run's row, with where to ask about its process. */
export interface RunObservation extends RunFacts {
  /** The queue of the run's host, or null where no probe can be asked. */
  probeQueue: string | null;
  /** The queue of gates; a worker of an older version does not tell, and asks them itself. */
  gateQueue?: string;
  /** The database's clock has stepped since this worker's look before: what was counted until then does not count. */
  clockStepped: boolean;
  /** How the run was claimed, when it is over and was reaped. */
  claimed: { by: string; outcome: Outcome; reason: string; owedNotificationId: number | null } | null;
}

/** When a run is tried again that could not be claimed. */
export interface RetryNote {
  failures: number;
  /** By the database's clock, ISO 8601. */
  retryAt: string;
}

/** A sweep's summary, as far as its record depends on it. */
export interface RecordableSweep {
  error: string | null;
  seconds: number;
}

/** What {@link createJobActivities} needs. */
export interface JobActivitiesOptions {
  /** For sweeps and operators' wishes. */
  pool: Database;
  /** For looks, of which there can be many at once. @default pool */
  looks?: Database;
  /** For claims, which wait for others' locks. @default pool */
  claims?: Database;
  /** For what nobody waits for. @default pool */
  others?: Database;
  names: Names;
  log: Logger;
  /** Counts claims and sweeps. @default counted for nobody */
  metrics?: ProcessMetrics;
}

/** The activities that talk to Postgres, as role `reaper`. */
export function createJobActivities(options: JobActivitiesOptions) {
  const { pool, looks = pool, claims = pool, others = pool } = options;
  const { names, log, metrics = new ProcessMetrics() } = options;
  const target = <T extends RunRef>(run: T) => ({ ...run, watchId: names.watchId(run) });
  const counted = new Once();

  const share = new ClaimShare(BUSY_CLAIMS);
  const clock = new DatabaseClock();
  function noteReading(reading: ClockReading): boolean {
    const stepped = clock.hasStepped(reading);
    if (stepped)
      log.warn("the database's clock has stepped, or this machine was suspended: one look does not count");
    return stepped;
  }

  return {
    /**
     * One pass over all running jobs, as far as Postgres shows them. For a caller that takes it in parts, none fails the others: an
     * odd row that the view cannot show keeps no lease and no notification from being looked after.
     */
    async scan(
      after: Cursor | null,
      hostsAfter: string | null = null,
      { inParts = false }: ScanOptions = {},
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
        () => readFleet(pool, { after: hostsAfter, limit: HOST_PAGE }),
        null,
      );
      const watchAll = fleet !== null && fleet.running <= policy.watchAllLimit;
      const blocked = control.paused || !policy.enabled;
      const mayReclaim = policy.leaseReclaim && !control.paused && control.mode === 'active';
      const none = { items: [], next: null };
      const symptoms = blocked
        ? none
        : await part('symptoms', () => readSymptoms(pool, policy, after, SYMPTOM_PAGE), none);
      const runs = watchAll ? await part('runs', () => readRuns(pool, policy.watchAllLimit), null) : null;
      return {
        atMs: Date.parse(control.now),
        mode: control.mode,
        paused: control.paused ? `${control.pausedBy ?? 'somebody'}: ${control.pausedReason ?? ''}` : null,
        policy,
        running: (fleet?.running ?? 0) + unreadable.length,
        hosts: (fleet?.hosts ?? []).map((host) => ({ host, queue: names.probeQueue(host) })),
        nextHost: fleet?.nextHost ?? null,
        watchAll,
        runs: runs === null ? null : runs.map(target),
        symptoms: { items: symptoms.items.map(target), next: symptoms.next },
        owed: await part('notifications', () => readDueNotifications(pool, OWED_PAGE), []),
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

    /** Reads one run afresh, with everything that decides beside its process. */
    async observeRun(ref: RunRef): Promise<RunObservation> {
      const askedMs = performance.now();
      const facts = await giveUpOnAnswer(() => observeRun(looks, ref));
      const clockStepped = noteReading({ databaseMs: facts.readMs, askedMs, gotMs: performance.now() });
      const host = facts.run?.host;
      const entry = facts.run ? null : await findLedgerEntry(looks, ref);
      return {
        ...facts,
        clockStepped,
        probeQueue: host && host.length <= 200 ? names.probeQueue(host) : null,
        gateQueue: names.gateQueue,
        claimed: entry && {
          by: entry.claimer,
          outcome: entry.outcome,
          reason: entry.reason,
          owedNotificationId: entry.owed ? entry.notificationId : null,
        },
      };
    },

    /** The run of a job that is running: its watch's target, or why there can be none, in words. */
    async findRun(jobId: string): Promise<WatchTarget | string> {
      const run = await findRunningJob(pool, jobId);
      if (run === null) {
        return `Expected job "${jobId}" to be running, got no such running job: job-reaper explain tells what became of it`;
      }
      const why = whyUnwatchable(run);
      if (why !== null) return `Expected job "${jobId}" to be one that can be watched, but ${why}`;
      return target({ jobId: run.jobId, runKey: run.runKey, host: run.host });
    },

    /**
     * Ends a run, once, with its ledger row; see `reaper.claim`.
     *
     * @throws ApplicationFailure of type `Refused` for what Postgres would answer again, such as a trigger that raises
     */
    async claim(run: JobRun, rest: Omit<Claim, 'run'>): Promise<ClaimResult> {
      const made = await giveUpOnAnswer(() =>
        share.claim(
          names.watchId(run),
          () => claim(claims, { ...rest, run }, others),
          ({ result, detail }) => (result === 'busy' ? detail : null),
        ),
      ).catch((error: unknown) => {
        if (error instanceof ApplicationFailure) {
          metrics.countClaim({ result: 'failed', tier: rest.tier, deadForS: null });
        }
        throw error;
      });
      const result: ClaimResult =
        typeof made === 'string'
          ? { result: 'busy', detail: made, ledgerId: null, notificationId: null }
          : made;
      if (!counted.isFirst()) return result;
      const { deadForS } = rest.evidence;
      metrics.countClaim({
        result: result.result,
        tier: rest.tier,
        deadForS: typeof deadForS === 'number' ? deadForS : null,
      });
      if (result.result === 'won') {
        const who = [run.agent, run.repo, run.runId, run.pid].map((part) => part ?? 'None').join(', ');
        log.info(`job ${run.jobId} (${who}) reaped -> ${rest.outcome} (${rest.reason})`, {
          job_id: run.jobId,
          run_key: run.runKey,
          outcome: rest.outcome,
          tier: rest.tier,
          reason: rest.reason,
          ledger_id: result.ledgerId,
        });
      }
      return result;
    },

    /** Takes the alert that a run is over its ceiling and left alone, once; a sweep sends it, since a watch must not wait. */
    async takeBackstopAlert(run: JobRun, reason: string, kind?: BackstopAlert): Promise<boolean> {
      const text = await oweBackstopAlert(others, run, reason, kind);
      if (text !== null) log.warn(text, { job_id: run.jobId, run_key: run.runKey });
      return text !== null;
    },

    /**
     * Writes an operator's wish to Postgres.
     *
     * @throws ApplicationFailure that is not tried again for what Postgres can never take
     */
    async operate(operation: Operation): Promise<boolean> {
      const done = await operate(pool, operation).catch((error: unknown) => {
        throw isDataError(error)
          ? ApplicationFailure.nonRetryable((error as Error).message, 'Refused')
          : error;
      });
      log.info(`${operation.action} by ${operation.by}`, { ...operation });
      return done;
    },

    /** Puts on record that a run could not be claimed. Null when it is no longer running: nothing is on record then. */
    async noteClaimTrouble(ref: RunRef, trouble: Trouble): Promise<RetryNote | null> {
      const retry = await noteClaimTrouble(pool, ref, trouble);
      if (retry === null) return null;
      const retryAt = retry.retryAt.toISOString();
      if (retry.failures === 1) {
        const what = trouble.kind === 'locked' ? 'is locked' : 'cannot be claimed';
        log.warn(`job ${ref.jobId} ${what}: ${trouble.why}`, { job_id: ref.jobId, run_key: ref.runKey });
      }
      return { failures: retry.failures, retryAt };
    },

    /**
     * Puts a sweep on record; returns the state for the reaper's query, or null where it cannot be read, which is no failure of the
     * sweep.
     *
     * @throws ApplicationFailure of type `Refused` when only the sweep itself is on record, and not what follows from it
     */
    async recordSweep(atMs: number, summary: RecordableSweep): Promise<Status | null> {
      const { isNew, error } = await recordSweep(pool, atMs, summary);
      if (isNew) {
        const failed = summary.error !== null || error !== null;
        metrics.countSweep({ failed, seconds: summary.seconds });
      }
      if (error !== null) throw ApplicationFailure.nonRetryable(error, 'Refused');
      try {
        return await readStatus(pool);
      } catch (unread) {
        log.warn('the sweep is on record, the status could not be read', { error: unread });
        return null;
      }
    },
  };
}

/** Activities that {@link createJobActivities} makes. */
export type JobActivities = ReturnType<typeof createJobActivities>;

/** SQLSTATE classes 22 (data exception), 23 (integrity constraint) and RP (our own refusals). */
function isDataError(error: unknown): boolean {
  return /^(22|23|RP)/.test((error as { code?: string }).code ?? '');
}
