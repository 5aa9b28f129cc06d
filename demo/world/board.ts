import { setTimeout } from 'node:timers/promises';
import type { Database } from '../../src/db/database.js';
import type { LauncherEvent } from '../launcher/report.js';
import { readLauncherLog } from './launcher-log.js';
import type { DemoProcess } from './process.js';
import { readSnapshot, type JobState, type Snapshot } from './read-snapshot.js';

/** A launcher's report, and whose it is. */
export type BoardEvent = LauncherEvent & { launcher: string };

/** Who wants to know what happens. */
export interface Audience {
  /** Something happened, in words; with null it is not about one job, see {@link jobName}. */
  note(job: string | null, text: string): void;
  /** How things stand now. */
  look(snapshot: Snapshot): void;
}

const LOOK_MS = 100;

/** The state of the demo, looked at several times a second; everybody goes by it instead of asking by themselves. */
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
    /** May grow. */
    readonly launchers: readonly DemoProcess[],
    /** What Telegram has been told; may grow. */
    readonly messages: readonly string[],
    readonly audience: Audience,
  ) {}

  /** Looks again and again; ends only by throwing, at the latest at the signal. */
  async watch(signal: AbortSignal): Promise<never> {
    for (;;) {
      await this.look();
      await setTimeout(LOOK_MS, undefined, { signal });
    }
  }

  /** Looks once; two looks never overlap, so that the later one is the newer one. */
  async look(): Promise<void> {
    const turn = this.#lastLook.then(() => this.#look());
    this.#lastLook = turn.catch(() => undefined);
    return turn;
  }

  async #look(): Promise<void> {
    // Logs first: every job that they speak of is in the snapshot then, and so is every claim before them.
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

  /** Reads what launchers and monitors have reported since; works without a database. */
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

  /** Tells the audience of something; with null it is not about one job. */
  tell(jobId: string | null, text: string): void {
    const job = this.snapshot.jobs.find(({ id }) => id === jobId);
    this.audience.note(job === undefined ? jobId : jobName(job), text);
  }

  /** Waits until something is there to see. */
  async until<T>(look: () => T | null | undefined | false, signal: AbortSignal): Promise<T> {
    for (;;) {
      const seen = look();
      if (seen !== null && seen !== undefined && seen !== false) return seen;
      await setTimeout(LOOK_MS / 2, undefined, { signal });
    }
  }
}

/** What a job is called: its id, or for the later job of a task the task's and its agent's. */
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
      return `exit code ${event.exitCode} recorded, its monitor goes on to finalize`;
    case 'lease acquired':
      return `its monitor holds the merge lease of ${event.repo}`;
    case 'finalized':
      return `finalized by its own monitor -> ${event.status}`;
    case 'no longer ours':
      return 'its monitor found the run ended by somebody else, and left it';
    case 'trouble':
      return `the ${event.launcher} has trouble (${event.what}): ${event.error}`;
  }
}
