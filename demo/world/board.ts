import { setTimeout } from 'node:timers/promises';
import type { Database } from '../../src/db/database.js';
import type { LauncherEvent } from '../launcher/report.js';
import { readLauncherLog } from './launcher-log.js';
import type { DemoProcess } from './process.js';
import { readSnapshot, type JobState, type Snapshot } from './read-snapshot.js';

/** A launcher's report, with the launcher's name. */
export type BoardEvent = LauncherEvent & { launcher: string };

/** Gets told what happens. */
export interface Audience {
  /** Something happened. `job` is a {@link jobName}, or null if it is not about one job. */
  note(job: string | null, text: string): void;
  /** The current state. */
  look(snapshot: Snapshot): void;
}

const LOOK_MS = 100;

/** The state of the demo, read several times a second. Everything uses it instead of its own queries. */
export class Board {
  snapshot: Snapshot = { jobs: [], claims: [], leaseReclaims: [], sweeps: 0, hostsWithoutProbe: [] };
  readonly events: BoardEvent[] = [];
  readonly #heard = new Map<DemoProcess, number>();
  #claimsTold = 0;
  #leasesTold = 0;
  #messagesTold = 0;
  #lastLook: Promise<void> = Promise.resolve();

  constructor(
    readonly admin: Database,
    /** The launchers so far; may grow. */
    readonly launchers: readonly DemoProcess[],
    /** The Telegram messages so far; may grow. */
    readonly messages: readonly string[],
    readonly audience: Audience,
  ) {}

  /** Reads the state again and again. Ends only by throwing, at the latest at the signal. */
  async watch(signal: AbortSignal): Promise<never> {
    for (;;) {
      await this.look();
      await setTimeout(LOOK_MS, undefined, { signal });
    }
  }

  /** Reads the state once. Two reads never overlap, so the later one is always newer. */
  async look(): Promise<void> {
    const turn = this.#lastLook.then(() => this.#look());
    this.#lastLook = turn.catch(() => undefined);
    return turn;
  }

  async #look(): Promise<void> {
    // Logs first: then every job that they mention is in the snapshot, and so is every earlier claim.
    const news = this.#readLogs();
    this.snapshot = await readSnapshot(this.admin);
    for (const { jobId, outcome, reason } of this.snapshot.claims.slice(this.#claimsTold)) {
      this.tell(jobId, `reaped -> ${outcome} (${reason})`);
    }
    this.#claimsTold = this.snapshot.claims.length;
    for (const { repo, reason } of this.snapshot.leaseReclaims.slice(this.#leasesTold)) {
      this.tell(null, `the merge lease of ${repo} is reclaimed (${reason})`);
    }
    this.#leasesTold = this.snapshot.leaseReclaims.length;
    for (const message of this.messages.slice(this.#messagesTold)) this.tell(null, `Telegram: ${message}`);
    this.#messagesTold = this.messages.length;
    for (const event of news) this.tell('jobId' in event ? event.jobId : null, inWords(event));
    this.audience.look(this.snapshot);
  }

  /** Reads what launchers and monitors have newly reported; works without a database. */
  #readLogs(): BoardEvent[] {
    const news: BoardEvent[] = [];
    for (const launcher of this.launchers) {
      const events = readLauncherLog(launcher.logFile);
      for (const event of events.slice(this.#heard.get(launcher)))
        news.push({ ...event, launcher: launcher.name });
      this.#heard.set(launcher, events.length);
    }
    this.events.push(...news);
    return news;
  }

  /** Tells the audience that something happened; `jobId` is null if it is not about one job. */
  tell(jobId: string | null, text: string): void {
    const job = this.snapshot.jobs.find(({ id }) => id === jobId);
    this.audience.note(job === undefined ? jobId : jobName(job), text);
  }

  /** Waits until `look` returns something. */
  async until<T>(look: () => T | null | undefined | false, signal: AbortSignal): Promise<T> {
    for (;;) {
      const seen = look();
      if (seen !== null && seen !== undefined && seen !== false) return seen;
      await setTimeout(LOOK_MS / 2, undefined, { signal });
    }
  }
}

/** The display name of a job: its id or, for a later job of a task, the task's id and the agent. */
export function jobName({ id, taskId, agent }: JobState): string {
  return taskId === null || taskId === id ? id : `${taskId}, ${agent}`;
}

function inWords(event: BoardEvent): string {
  switch (event.event) {
    case 'took':
      return `taken by the ${event.launcher}, attempt ${event.attempt}`;
    case 'agent started':
      return `its agent runs as pid ${event.pid}`;
    case 'exit recorded':
      return `exit code ${event.exitCode} recorded, its monitor is finalizing`;
    case 'lease acquired':
      return `its monitor holds the merge lease of ${event.repo}`;
    case 'finalized':
      return `finalized by its own monitor -> ${event.status}`;
    case 'no longer ours':
      return 'its monitor found that the run was already ended, and left it alone';
    case 'trouble':
      return `the ${event.launcher} has trouble (${event.what}): ${event.error}`;
  }
}
