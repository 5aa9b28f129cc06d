import { WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { readSettings, required, toPolicy, type Settings } from '../config.js';
import type { Database } from '../db/database.js';
import { declareGone } from '../db/declare-gone.js';
import { listLedger, type LedgerEntry } from '../db/ledger.js';
import { operate } from '../db/operate.js';
import { publishPolicy } from '../db/policy.js';
import { createPool } from '../db/pool.js';
import { readStatus } from '../db/status.js';
import {
  signalOf,
  type GoneOperation,
  type GoneResult,
  type HoldKind,
  type Operation,
} from '../domain/operation.js';
import { shown } from '../domain/wording.js';
import { explain, type Explanation } from '../explain/explain.js';
import { gatherFacts } from '../explain/gather.js';
import { isBootId } from '../liveness/index.js';
import { Names } from '../naming.js';
import { askUntilTaken } from '../temporal/ask-until-taken.js';
import { REAP_LIMIT_MS, SIGNAL_LIMIT_MS, SWEEP_LIMIT_MS } from '../temporal/limits.js';
import { ensureReaper } from '../worker/ensure-reaper.js';
import {
  readHold,
  reapNowUpdate,
  sweepNowUpdate,
  toSweepSummary,
  type OperatorInput,
  type SweepSummary,
} from '../workflows/messages.js';
import { toStatus, type Status } from './status.js';

const MAX_CLAIMS = 10_000;

/** Options of {@link ReaperClient}. */
export interface ReaperClientOptions {
  /**
   * A client of the namespace that the reaper runs in. It stays yours to close.
   *
   * @example temporal: new Client({ connection: await Connection.connect() })
   */
  temporal: Client;
  /**
   * Only DATABASE_URL (a login that is a member of role `reaper`) and REAPER_NAME matter; for `start` also the policy, and for
   * `explain` REAPER_HOST and REAPER_SHARED_PID_NAMESPACE.
   *
   * @default read from the environment
   * @example settings: readSettings({ DATABASE_URL: 'postgres://…', REAPER_NAME: 'fleet-2' })
   */
  settings?: Settings;
  /**
   * The operator's name, for the audit trail.
   *
   * @example by: 'deploy script'
   */
  by: string;
}

/** Which claims {@link ReaperClient.ledger} lists. */
export interface LedgerOptions {
  /**
   * Only claims of this job.
   *
   * @default all jobs
   * @example jobId: '4711'
   */
  jobId?: string;
  /**
   * How many at most: 1 to 10000.
   *
   * @default 20
   * @example limit: 100
   */
  limit?: number;
}

/** Options of {@link ReaperClient.hostGone}. */
export interface HostGoneOptions {
  /**
   * Another machine or pod has this name now, and its probe answers: runs that started before that probe's pid 1, and have a stamp of
   * another pid namespace, are dead.
   *
   * @default false
   * @example replaced: true
   */
  replaced?: boolean;
}

/** What came of {@link ReaperClient.reapNow}. */
export type ReapResult =
  | {
      reaped: true;
      /** The outcome and the reason, in words. */
      text: string;
    }
  /** For example: it is alive, within its grace, not running, or its watch has not answered. */
  | { reaped: false; why: string };

/**
 * Operates the reaper from a program. It needs Postgres, to which requests go first, and Temporal, which it tells of them. What is
 * refused is a result; mistakes of the caller are thrown as RangeError. While Postgres or Temporal is down, methods that need it
 * throw what `pg` or the Temporal client throws.
 */
export class ReaperClient {
  readonly #temporal: Client;
  readonly #settings: Settings;
  readonly #names: Names;
  readonly #pool: Database;
  readonly #by: string;

  /** @throws SettingsError if DATABASE_URL is not set, or another setting is wrong; RangeError if `by` is blank */
  constructor({ temporal, settings = readSettings(), by }: ReaperClientOptions) {
    this.#temporal = temporal;
    this.#settings = settings;
    this.#by = expectText('by', by);
    this.#names = new Names(settings.REAPER_NAME);
    this.#pool = createPool(required(settings, 'DATABASE_URL'), {
      applicationName: 'job-reaper client',
      max: 2,
    });
  }

  /**
   * Publishes the settings that decide what is reaped, and makes sure that the reaper workflow is running. Workers of
   * `createReaperWorker` do this on their own.
   *
   * @param taskQueue where a worker serves `workflowsPath` with the activities. @default REAPER_NAME
   * @throws SearchAttributesError if an administrator has to register search attributes first
   */
  async start(taskQueue?: string): Promise<void> {
    await publishPolicy(this.#pool, toPolicy(this.#settings), this.#by);
    await ensureReaper({
      client: this.#temporal,
      names: this.#names,
      searchAttributes: this.#settings.REAPER_SEARCH_ATTRIBUTES,
      ...(taskQueue !== undefined && { taskQueue }),
    });
  }

  /** What the reaper is doing, from Postgres. */
  async status(): Promise<Status> {
    return toStatus(await readStatus(this.#pool));
  }

  /**
   * The claims on record, the newest first.
   *
   * @throws RangeError for a limit out of range
   */
  async ledger({ jobId, limit = 20 }: LedgerOptions = {}): Promise<LedgerEntry[]> {
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_CLAIMS) {
      throw new RangeError(`Expected \`limit\` to be a whole number from 1 to ${MAX_CLAIMS}, got ${limit}`);
    }
    return listLedger(this.#pool, { jobId: jobId ?? null, limit });
  }

  /**
   * Why a job was reaped or not, as `job-reaper explain` says it. If REAPER_HOST is the run's, it looks at the process
   * itself; else it asks the run's host, by way of the reaper, for at most 6 s. Without Temporal it says what Postgres knows.
   */
  async explain(jobId: string): Promise<Explanation> {
    const context = {
      settings: this.#settings,
      names: this.#names,
      query: <T>(work: (pool: Database) => Promise<T>) => work(this.#pool),
      temporal: <T>(limitMs: number, work: (client: Client) => Promise<T>) =>
        this.#temporal.connection.withDeadline(Date.now() + limitMs, () => work(this.#temporal)),
    };
    return explain(await gatherFacts(context, jobId));
  }

  /** Pauses the reaper. Once this has returned, nothing more is claimed, even if Temporal is down. */
  async pause(reason: string): Promise<void> {
    await this.#operate({ action: 'pause', reason, by: this.#by });
  }

  /** Ends a pause. The mode does not change. */
  async resume(): Promise<void> {
    await this.#operate({ action: 'resume', by: this.#by });
  }

  /** Starts the dry run. */
  async observe(): Promise<void> {
    await this.#operate({ action: 'observe', by: this.#by });
  }

  /** Ends the dry run. */
  async activate(): Promise<void> {
    await this.#operate({ action: 'activate', by: this.#by });
  }

  /**
   * Leaves a job, agent, repo or host alone for some seconds, whatever happens to it.
   *
   * @param seconds at most a year
   * @throws RangeError for another kind, a blank value, or seconds out of range
   */
  async hold(kind: HoldKind, value: string, seconds: number, reason: string): Promise<void> {
    const hold = readHold('hold', { kind, value, seconds, reason, by: this.#by });
    if (typeof hold === 'string') throw new RangeError(hold);
    await this.#operate(hold);
  }

  /**
   * Ends a hold early. False if there was none.
   *
   * @throws RangeError for another kind or a blank value
   */
  async release(kind: HoldKind, value: string): Promise<boolean> {
    const release = readHold('release', { kind, value, by: this.#by });
    if (typeof release === 'string') throw new RangeError(release);
    return this.#operate(release);
  }

  /**
   * Declares a host gone: every run that started there before now is dead, and is reaped like any dead run. Refused while a probe
   * there answers. Takes effect with the next sweep even if Temporal is down now.
   *
   * @param host exactly as in the job rows
   * @throws RangeError if it is blank
   */
  async hostGone(host: string, { replaced = false }: HostGoneOptions = {}): Promise<GoneResult> {
    expectText('host', host);
    return this.#declareGone({ action: 'host-gone', host, by: this.#by, ...(replaced && { replaced }) });
  }

  /**
   * Declares a boot gone, for a machine that will never return: all its runs are dead. Refused while a probe of it reports.
   *
   * @param boot the boot id: the third field of an identity stamp
   * @throws RangeError if it is not a boot id
   */
  async bootGone(boot: string): Promise<GoneResult> {
    if (!isBootId(boot)) {
      throw new RangeError(
        `Expected \`boot\` to be a boot id, which is the third field of a stamp, got ${shown(boot)}`,
      );
    }
    return this.#declareGone({ action: 'boot-gone', boot, by: this.#by });
  }

  /**
   * Sweeps now. Returns the summary of a sweep that started after this call; `error` says why if it failed.
   *
   * @throws WorkflowNotFoundError if the reaper is not running; WorkflowUpdateRPCTimeoutOrCancelledError if it does not answer within
   *   60 s, for example because no worker serves it
   */
  async sweepNow(): Promise<SweepSummary> {
    const summary = await this.#ask(SWEEP_LIMIT_MS, (updateId) =>
      this.#reaper.executeUpdate(sweepNowUpdate, { updateId }),
    );
    return toSweepSummary(summary);
  }

  /**
   * Reaps a dead job without waiting for the streak. Refused for a live run, or one within its grace.
   *
   * @throws RangeError for a text that cannot be a job id; WorkflowNotFoundError if the reaper is not running;
   *   WorkflowUpdateRPCTimeoutOrCancelledError if it does not answer within 75 s
   */
  async reapNow(jobId: string): Promise<ReapResult> {
    try {
      const { reaped, text } = await this.#ask(REAP_LIMIT_MS, (updateId) =>
        this.#reaper.executeUpdate(reapNowUpdate, { updateId, args: [{ job_id: jobId }] }),
      );
      return reaped ? { reaped, text } : { reaped, why: text };
    } catch (error) {
      const failure = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
      if (!(failure instanceof ApplicationFailure)) throw error;
      if (failure.type === 'NotRunning') return { reaped: false, why: failure.message };
      throw failure.type === 'BadInput' ? new RangeError(failure.message, { cause: error }) : error;
    }
  }

  /** Closes the connections to Postgres; the Temporal client stays open. */
  async close(): Promise<void> {
    await this.#pool.end();
  }

  get #reaper() {
    return this.#temporal.workflow.getHandle(this.#names.reaper);
  }

  /** Without a limit, an update would wait for a worker for ever. */
  async #ask<T>(limitMs: number, ask: (updateId: string) => Promise<T>): Promise<T> {
    return this.#temporal.connection.withDeadline(Date.now() + limitMs, () => askUntilTaken(ask, limitMs));
  }

  /** Writes to Postgres first, which every claim obeys from then on. Then signals the reaper, if possible. */
  async #operate(operation: Operation): Promise<boolean> {
    if (!(await operate(this.#pool, operation))) return false;
    await this.#signal(operation);
    return true;
  }

  async #declareGone(operation: GoneOperation): Promise<GoneResult> {
    const result = await declareGone(this.#pool, operation);
    if (result.declared) await this.#signal(operation);
    return result;
  }

  /** Without Temporal, the request still takes effect: the next sweep reads it. */
  async #signal(operation: Operation): Promise<void> {
    const input: OperatorInput = { ...operation, written: true };
    await this.#temporal.connection
      .withDeadline(Date.now() + SIGNAL_LIMIT_MS, () => this.#reaper.signal(signalOf(operation), input))
      .catch(() => undefined);
  }
}

/** Postgres cannot store NUL. */
function expectText(name: string, text: unknown): string {
  if (typeof text === 'string' && text.trim() !== '' && !text.includes('\0')) return text;
  throw new RangeError(`Expected \`${name}\` to be a name, got ${shown(text)}`);
}
