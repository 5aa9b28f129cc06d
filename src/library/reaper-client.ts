import type { Client } from '@temporalio/client';
import { readSettings, required, toPolicy, type Settings } from '../config.js';
import { operate } from '../db/operate.js';
import { publishPolicy } from '../db/policy.js';
import { createPool } from '../db/pool.js';
import { readStatus } from '../db/status.js';
import type { HoldKind, Operation } from '../domain/operation.js';
import type { Status } from '../domain/status.js';
import { Names } from '../naming.js';
import { askUntilTaken } from '../temporal/ask-until-taken.js';
import { ensureReaper } from '../worker/ensure-reaper.js';
import {
  reapNowUpdate,
  sweepNowUpdate,
  type OperatorInput,
  type ReapAnswer,
  type SweepSummary,
} from '../workflows/messages.js';

/** Milliseconds for which `reapNow` is retried; the reaper itself waits up to 60 s for the watch. */
const REAP_LIMIT_MS = 75_000;

/** Options of {@link ReaperClient}. */
export interface ReaperClientOptions {
  /** A client of the namespace that the reaper runs in. */
  temporal: Client;
  /** Only DATABASE_URL, REAPER_NAME and, for `start`, the policy matter. @default read from the environment */
  settings?: Settings;
  /** The operator's name, for the audit trail. */
  by: string;
}

/** Operates the reaper from a program. */
export class ReaperClient {
  readonly #temporal: Client;
  readonly #settings: Settings;
  readonly #names: Names;
  readonly #pool: ReturnType<typeof createPool>;
  readonly #by: string;

  /** @throws SettingsError */
  constructor({ temporal, settings = readSettings(), by }: ReaperClientOptions) {
    this.#temporal = temporal;
    this.#settings = settings;
    this.#by = by;
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

  /** The row of view `reaper.status`. */
  status(): Promise<Status> {
    return readStatus(this.#pool);
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

  /** Leaves a job, agent, repo or host alone for some seconds. */
  async hold(kind: HoldKind, value: string, seconds: number, reason: string): Promise<void> {
    await this.#operate({ action: 'hold', kind, value, seconds, reason, by: this.#by });
  }

  /** Ends a hold early. False if there was none. */
  release(kind: HoldKind, value: string): Promise<boolean> {
    return this.#operate({ action: 'release', kind, value, by: this.#by });
  }

  /**
   * Sweeps now. Returns the summary of a sweep that started after this call.
   *
   * @throws what the Temporal client throws if the reaper is not running or Temporal is down
   */
  sweepNow(): Promise<SweepSummary> {
    return askUntilTaken((updateId) => this.#reaper.executeUpdate(sweepNowUpdate, { updateId }));
  }

  /**
   * Reaps a dead job without waiting for the streak. Refused for a live run, or one within its grace.
   *
   * @throws WorkflowUpdateFailedError if the job is not running, for example because it was already reaped; or what else the
   *   Temporal client throws if the reaper is not running or Temporal is down
   */
  reapNow(jobId: string): Promise<ReapAnswer> {
    return askUntilTaken(
      (updateId) => this.#reaper.executeUpdate(reapNowUpdate, { updateId, args: [{ job_id: jobId }] }),
      REAP_LIMIT_MS,
    );
  }

  /** Closes the connections to Postgres; the Temporal client stays open. */
  async close(): Promise<void> {
    await this.#pool.end();
  }

  get #reaper() {
    return this.#temporal.workflow.getHandle(this.#names.reaper);
  }

  /** Writes to Postgres first, which every claim obeys from then on. Then signals the reaper, if possible. */
  async #operate(operation: Operation): Promise<boolean> {
    if (!(await operate(this.#pool, operation))) return false;
    const input: OperatorInput = { ...operation, written: true };
    // Without Temporal, the request still takes effect: the next sweep reads it.
    await this.#reaper.signal(operation.action, input).catch(() => undefined);
    return true;
  }
}
