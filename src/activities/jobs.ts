import { ApplicationFailure } from '@temporalio/activity';
import type { Database } from '../db/database.js';
import { oweBackstopAlert, type BackstopAlert } from '../db/backstop-alert.js';
import { claim, type Claim, type ClaimResult } from '../db/claim.js';
import { readControl } from '../db/control.js';
import { DatabaseClock } from '../db/database-clock.js';
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
import type { HostedRun, JobRun, Outcome, Policy, RunRef } from '../domain/types.js';
import { whyUnwatchable } from '../domain/watchable.js';
import type { Logger } from '../log.js';
import { ProcessMetrics } from '../metrics/process-metrics.js';
import type { Names } from '../naming.js';

/** Symptoms that one scan returns at most; the next scan goes on behind them. */
const SYMPTOM_PAGE = 250;
/** Hosts that one sweep examines at most: a workflow has room for 2,000 activities at once. */
const HOST_PAGE = 500;
/** Owed notifications that one sweep settles at most. */
const OWED_PAGE = 20;

/** A run that a watch is for. */
export interface WatchTarget extends HostedRun {
  watchId: string;
}

/** A run that shows a symptom. */
export interface Symptom extends WatchTarget {
  symptom: string;
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
  /** Every run, while there are no more than the fan-out limit; else null. */
  runs: WatchTarget[] | null;
  symptoms: Page<Symptom>;
  /** Notifications that are due. */
  owed: number[];
  /** The queue of those who look after the merge leases; null where nobody does, or nothing may be reclaimed now. */
  leaseQueue: string | null;
  unwatchable: Fleet['unwatchable'];
}

/** A fresh look at a run's row, with where to ask about its process. */
export interface RunObservation extends RunFacts {
  /** The queue of the run's host, or null where no probe can be asked. */
  probeQueue: string | null;
  /** How the run was claimed, when it is over and was reaped. */
  claimed: { by: string; outcome: Outcome; reason: string; owedNotificationId: number | null } | null;
}

/** A sweep's summary, as far as its record depends on it. */
export interface RecordableSweep {
  error: string | null;
  seconds: number;
}

/** What {@link createJobActivities} needs. */
export interface JobActivitiesOptions {
  pool: Database;
  names: Names;
  log: Logger;
  /** Counts claims and sweeps. @default counted for nobody */
  metrics?: ProcessMetrics;
}

/** The activities that talk to Postgres, as role `reaper`. */
export function createJobActivities(options: JobActivitiesOptions) {
  const { pool, names, log, metrics = new ProcessMetrics() } = options;
  const target = <T extends RunRef>(run: T) => ({ ...run, watchId: names.watchId(run) });

  const clock = new DatabaseClock({
    pool,
    onStep: (stepS) =>
      log.warn(
        `the database's clock was put ${stepS > 0 ? 'forward' : 'back'} by ${Math.abs(stepS).toFixed(1)} s`,
      ),
  });

  return {
    /** One pass over all running jobs, as far as Postgres shows them. */
    async scan(after: Cursor | null, hostsAfter: string | null = null): Promise<Scan> {
      await clock.check();
      const control = await readControl(pool);
      const { policy } = control;
      const fleet = await readFleet(pool, { after: hostsAfter, limit: HOST_PAGE });
      const watchAll = fleet.running <= policy.watchAllLimit;
      const blocked = control.paused || !policy.enabled;
      const mayReclaim = policy.leaseReclaim && !control.paused && control.mode === 'active';
      const symptoms = blocked
        ? { items: [], next: null }
        : await readSymptoms(pool, policy, after, SYMPTOM_PAGE);
      return {
        atMs: Date.parse(control.now),
        mode: control.mode,
        paused: control.paused ? `${control.pausedBy ?? 'somebody'}: ${control.pausedReason ?? ''}` : null,
        policy,
        running: fleet.running,
        hosts: fleet.hosts.map((host) => ({ host, queue: names.probeQueue(host) })),
        nextHost: fleet.nextHost,
        runs: watchAll ? (await readRuns(pool, policy.watchAllLimit)).map(target) : null,
        symptoms: { items: symptoms.items.map(target), next: symptoms.next },
        owed: await readDueNotifications(pool, OWED_PAGE),
        leaseQueue: mayReclaim && (await hasLeaseWorker(pool)) ? names.leaseQueue : null,
        unwatchable: fleet.unwatchable,
      };
    },

    /** Reads one run afresh, with everything that decides beside its process. */
    async observeRun(ref: RunRef): Promise<RunObservation> {
      const facts = await clock.read(() => observeRun(pool, ref));
      const host = facts.run?.host;
      const entry = facts.run ? null : await findLedgerEntry(pool, ref);
      return {
        ...facts,
        probeQueue: host && host.length <= 200 ? names.probeQueue(host) : null,
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

    /** Ends a run, once, with its ledger row; see `reaper.claim`. */
    async claim(run: JobRun, rest: Omit<Claim, 'run'>): Promise<ClaimResult> {
      const result = await claim(pool, { ...rest, run });
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
      const text = await oweBackstopAlert(pool, run, reason, kind);
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

    /** Puts a sweep on record; returns the state for the reaper's query. */
    async recordSweep(atMs: number, summary: RecordableSweep): Promise<Status> {
      await recordSweep(pool, atMs, summary);
      metrics.countSweep({ failed: summary.error !== null, seconds: summary.seconds });
      return readStatus(pool);
    },
  };
}

/** Activities that {@link createJobActivities} makes. */
export type JobActivities = ReturnType<typeof createJobActivities>;

/** SQLSTATE classes 22 (data exception), 23 (integrity constraint) and RP (our own refusals). */
function isDataError(error: unknown): boolean {
  return /^(22|23|RP)/.test((error as { code?: string }).code ?? '');
}
