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

/** Milliseconds in which `reapNow` is asked again; the reaper itself waits up to 60 s for the watch. */
const REAP_LIMIT_MS = 75_000;

/** Options of {@link ReaperClient}. */
export interface ReaperClientOptions {
  /** A client of the namespace that the reaper runs in. */
  temporal: Client;
  /** DATABASE_URL and REAPER_NAME are what counts. @default what the environment says */
  settings?: Settings;
  /** Who operates, for the audit trail. */
  by: string;
}

/** What an operator may do, from a program. */
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
   * Publishes the settings that decide, and makes sure that the reaper workflow runs. Workers of `createReaperWorker` do this by
   * themselves.
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

  /** Once it has returned, nothing more is claimed, even with Temporal down. */
  async pause(reason: string): Promise<void> {
    await this.#operate({ action: 'pause', reason, by: this.#by });
  }

  /** Ends a pause; the mode stays as it is. */
  async resume(): Promise<void> {
    await this.#operate({ action: 'resume', by: this.#by });
  }

  /** Begins the dry run. */
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

  /** Ends a hold before its time. False where there was none. */
  release(kind: HoldKind, value: string): Promise<boolean> {
    return this.#operate({ action: 'release', kind, value, by: this.#by });
  }

  /**
   * Sweeps now; returns the summary of a sweep that began after this call.
   *
   * @throws what the Temporal client throws when the reaper does not run or Temporal is away
   */
  sweepNow(): Promise<SweepSummary> {
    return askUntilTaken((updateId) => this.#reaper.executeUpdate(sweepNowUpdate, { updateId }));
  }

  /**
   * Reaps a dead job without waiting for the streak. Refused for a live run, or one within its grace.
   *
   * @throws WorkflowUpdateFailedError when the job does not run, for instance since it was reaped already; what else the Temporal
   * client throws when the reaper does not run or Temporal is away
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

  /** Postgres first, which binds every claim from then on; then the reaper is told, if it can be. */
  async #operate(operation: Operation): Promise<boolean> {
    if (!(await operate(this.#pool, operation))) return false;
    const input: OperatorInput = { ...operation, written: true };
    // Without Temporal the wish holds all the same: the next sweep reads it.
    await this.#reaper.signal(operation.action, input).catch(() => undefined);
    return true;
  }
}
