import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Database, Queryable } from '../db/database.js';
import { oweBackstopAlert, type BackstopAlert } from '../db/backstop-alert.js';
import { claim, type Claim, type ClaimResult } from '../db/claim.js';
import type { Trouble } from '../db/claim-trouble.js';
import { DatabaseClock, type ClockReading } from '../db/database-clock.js';
import { findRunningJob } from '../db/find-running-job.js';
import { readAdapterTrouble } from '../db/inspect/hiding.js';
import { findLedgerEntry } from '../db/ledger.js';
import { observeRun, type RunFacts } from '../db/observe-run.js';
import { operate, operateOnce } from '../db/operate.js';
import type { Operation, Requested, WrittenRequests } from '../domain/operation.js';
import type { JobRun, Outcome, RunRef } from '../domain/types.js';
import { messageOf } from '../domain/trouble.js';
import { whyUnwatchable } from '../domain/watchable.js';
import type { Logger } from '../log.js';
import { ProcessMetrics } from '../metrics/process-metrics.js';
import type { Names } from '../naming.js';
import { ClaimShare } from './claim-share.js';
import { giveUpOnAnswer } from './give-up.js';
import { createHostWatchActivities } from './host-watch.js';
import { noteClaim } from './note-claim.js';
import { noteTrouble, type RetryNote } from './note-trouble.js';
import { Once } from './once.js';
import { createSweepActivities, type WatchTarget } from './sweeps.js';

/** Concurrent claims of runs whose row was locked before: half of the connections for claims. */
const BUSY_CLAIMS = 2;

/** Milliseconds after which no further request is begun: each may wait for claims, and the activity must end in time. */
const REQUESTS_MS = 5_000;

/** Milliseconds until a run is looked for again where the view does not show the queue. */
const LOOK_AGAIN_MS = 5_000;

/** A run's row as just read, and where to ask about its process. */
export interface RunObservation extends RunFacts {
  /** The queue of the run's host, or null if no probe can be asked. */
  probeQueue: string | null;
  /** The queue of gates; missing from workers of older versions, which ask gates themselves. */
  gateQueue?: string;
  /** The database's clock has stepped since this worker's previous look: what was counted before no longer counts. */
  clockStepped: boolean;
  /** How the run was claimed, if it was reaped. */
  claimed: { by: string; outcome: Outcome; reason: string; owedNotificationId: number | null } | null;
}

/** What {@link createJobActivities} needs. */
export interface JobActivitiesOptions {
  /** For sweeps and operators' requests. */
  pool: Database;
  /** For watches' looks, of which there can be many at once. @default pool */
  looks?: Database;
  /** For claims, which may wait for locks. @default pool */
  claims?: Database;
  /** For claims of many runs at once, by host watches. @default pool */
  batches?: Database;
  /** For everything that nothing waits for. @default pool */
  others?: Database;
  names: Names;
  log: Logger;
  /** Counts claims and sweeps. @default not exported anywhere */
  metrics?: ProcessMetrics;
}

/** The activities that talk to Postgres, as role `reaper`. */
export function createJobActivities(options: JobActivitiesOptions) {
  const { pool, looks = pool, claims = pool, batches = pool, others = pool } = options;
  const { names, log, metrics = new ProcessMetrics() } = options;
  const target = <T extends RunRef>(run: T) => ({ ...run, watchId: names.watchId(run) });
  const counted = new Once();

  const share = new ClaimShare(BUSY_CLAIMS);
  const clock = new DatabaseClock();
  function noteReading(reading: ClockReading): boolean {
    const stepped = clock.hasStepped(reading);
    if (stepped)
      log.warn("the database's clock stepped, or this machine was suspended: one look does not count");
    return stepped;
  }

  return {
    ...createSweepActivities({ pool, names, log, metrics }),
    ...createHostWatchActivities({ pool, looks, batches, others, names, log, metrics, noteReading }),

    /** Reads one run, with every fact that decides except its process. */
    async observeRun(ref: RunRef): Promise<RunObservation> {
      const askedMs = performance.now();
      const facts = await giveUpOnAnswer(() => observeRun(looks, ref));
      if (facts.run === null) await expectWholeView(looks);
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

    /** The current run of a job, as the target of a watch, or why it has none, in words. */
    async findRun(jobId: string): Promise<WatchTarget | string> {
      const run = await findRunningJob(pool, jobId);
      if (run === null) {
        return `Expected job "${jobId}" to be running, got no such running job: job-reaper explain says what became of it`;
      }
      const why = whyUnwatchable(run);
      if (why !== null) return `Expected job "${jobId}" to be one that can be watched, but ${why}`;
      return target({ jobId: run.jobId, runKey: run.runKey, host: run.host });
    },

    /**
     * Ends a run, once, with its ledger row; see `reaper.claim`.
     *
     * @throws ApplicationFailure of type `Refused` for an error that would come again, such as from a trigger that raises
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
      // Its queue's own rules may have made another outcome of it.
      const outcome = result.result === 'won' ? (result.detail as Outcome) : rest.outcome;
      noteClaim({ log, metrics }, run, { ...rest, outcome }, result);
      return result;
    },

    /** Records, once, the alert that a run is over its ceiling and left alone. A sweep sends it, because a watch must not wait. */
    async takeBackstopAlert(run: JobRun, reason: string, kind?: BackstopAlert): Promise<boolean> {
      const text = await oweBackstopAlert(others, run, reason, kind);
      if (text !== null) log.warn(text, { job_id: run.jobId, run_key: run.runKey });
      return text !== null;
    },

    /**
     * Writes an operator's request to Postgres.
     *
     * @throws ApplicationFailure that is not retried, for a request that Postgres will never accept
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

    /**
     * Writes operators' requests to Postgres, in order and each in a transaction of its own, as long as it takes no more than some
     * seconds. One that Postgres will never accept does not stop the others.
     *
     * @throws if not even the first could be written
     */
    async operateAll(requests: readonly Requested[]): Promise<WrittenRequests> {
      const { workflowExecution, activityId } = Context.current().info;
      const written: WrittenRequests = { refusals: [], error: null };
      const deadline = performance.now() + REQUESTS_MS;
      for (const [index, request] of requests.entries()) {
        if (index > 0 && performance.now() > deadline) break;
        try {
          const { key = `${workflowExecution?.runId ?? ''}/${activityId}/${index}`, ...operation } = request;
          await operateOnce(pool, key, operation);
          log.info(`${operation.action} by ${operation.by}`, { ...operation });
          written.refusals.push(null);
        } catch (error) {
          if (isDataError(error)) {
            written.refusals.push((error as Error).message);
            continue;
          }
          if (index === 0) throw error;
          written.error = messageOf(error);
          break;
        }
      }
      return written;
    },

    /** Records that a run could not be claimed. Null if it is no longer running: then nothing is recorded. */
    async noteClaimTrouble(ref: RunRef, trouble: Trouble): Promise<RetryNote | null> {
      return noteTrouble({ pool, log }, ref, trouble);
    },
  };
}

/**
 * Makes sure that a run that is not in the view is over.
 *
 * @throws ApplicationFailure, to be retried: the view does not show the queue as it is, such as while the adapter is detached
 */
async function expectWholeView(pool: Queryable): Promise<void> {
  const trouble = await giveUpOnAnswer(() => readAdapterTrouble(pool));
  if (trouble.length === 0) return;
  throw ApplicationFailure.create({
    message: trouble.join('; '),
    type: 'Detached',
    nextRetryDelay: LOOK_AGAIN_MS,
  });
}

/** Activities that {@link createJobActivities} makes. */
export type JobActivities = ReturnType<typeof createJobActivities>;

/** SQLSTATE classes 22 (data exception), 23 (integrity constraint) and RP (our own refusals). */
function isDataError(error: unknown): boolean {
  return /^(22|23|RP)/.test((error as { code?: string }).code ?? '');
}
