import type { Database } from '../../src/db/database.js';
import type { Board } from '../world/board.js';
import { killProcess, type KnownProcess } from '../world/kill-process.js';
import type { Claim, JobState } from '../world/read-snapshot.js';

/** What all scenes share. */
export interface Stage {
  board: Board;
  /** Connected as the owner of the queue, for what a fate does to rows. */
  admin: Database;
  /** Connected as an operator of the reaper. */
  operator: Database;
  /** Ends all waiting. */
  signal: AbortSignal;
  /** Waits until the agents of all first runs have been started. */
  everybodyRuns(): Promise<unknown>;
  killFirstLauncher(): Promise<void>;
  killFarLauncher(): Promise<void>;
}

/** One job and its fate. */
export class Scene {
  /** When the deed was done: Unix milliseconds by the database's clock, right before it. */
  deedMs: number | null = null;
  #sweepsBefore = 0;

  constructor(
    readonly jobId: string,
    readonly stage: Stage,
  ) {}

  get job(): JobState {
    const job = this.stage.board.snapshot.jobs.find(({ id }) => id === this.jobId);
    if (job === undefined) throw new Error(`Expected a job "${this.jobId}", got none`);
    return job;
  }

  /** What the reaper did to the job. */
  get claims(): Claim[] {
    return this.stage.board.snapshot.claims.filter(({ jobId }) => jobId === this.jobId);
  }

  /** Sweeps since the deed. */
  get sweeps(): number {
    return this.deedMs === null ? 0 : this.stage.board.snapshot.sweeps - this.#sweepsBefore;
  }

  /** The facts about every job: whether it was reaped, its status, who took it. */
  facts(): string[] {
    const { status, attempts } = this.job;
    const reaped = this.claims.map(({ outcome, reason }) => `reaped: ${outcome}, ${withoutNumber(reason)}`);
    const takers = this.stage.board.events.flatMap((event) =>
      event.event === 'took' && event.jobId === this.jobId ? [event.launcher] : [],
    );
    return [
      ...(reaped.length > 0 ? reaped : ['not reaped']),
      `${status}, attempt ${attempts}`,
      `taken by the ${takers.join(', then the ')}`,
    ];
  }

  /** Waits until `look` returns something. */
  until<T>(look: () => T | null | undefined | false): Promise<T> {
    return this.stage.board.until(look, this.stage.signal);
  }

  /** Waits until the agent of the first run is running and its row says so. */
  async agentRuns(): Promise<void> {
    await this.until(() => this.job.status === 'running' && this.job.pid !== null);
  }

  /** Waits until the agent of the first run has exited, while its monitor is still busy. */
  async exitRecorded(): Promise<void> {
    await this.until(() => this.job.status === 'running' && this.job.exitCode !== null);
  }

  /** From this moment on, the repair is timed and sweeps are counted. */
  async deed(what: string): Promise<void> {
    const { rows } = await this.stage.admin.query<{ ms: number }>(
      'select (extract(epoch from reaper.now()) * 1000)::float8 as ms',
    );
    this.deedMs = rows[0]?.ms ?? null;
    this.#sweepsBefore = this.stage.board.snapshot.sweeps;
    this.stage.board.tell(this.jobId, what);
  }

  /** Sends SIGKILL to the monitor of the first run. */
  async killMonitor(): Promise<void> {
    const { monitor } = this.firstRun();
    await this.deed(`SIGKILL to its monitor (pid ${monitor.pid})`);
    killProcess(monitor);
  }

  /** Sends SIGKILL to monitor and agent of the first run; first to the monitor, so that it cannot record anything. */
  async killMonitorAndAgent(): Promise<void> {
    const { monitor, agent } = this.firstRun();
    await this.deed(`SIGKILL to its monitor and its agent (pids ${monitor.pid}, ${agent.pid})`);
    killProcess(monitor);
    killProcess(agent);
  }

  /** The processes of the first run, as they were when they started. */
  firstRun(): { monitor: KnownProcess; agent: KnownProcess } {
    let monitor: KnownProcess | undefined;
    let agent: KnownProcess | undefined;
    for (const event of this.stage.board.events) {
      if (!('jobId' in event) || event.jobId !== this.jobId) continue;
      if (event.event === 'took') {
        monitor ??= { pid: event.monitorPid, processIdentity: event.monitorIdentity };
      } else if (event.event === 'agent started') {
        agent ??= { pid: event.pid, processIdentity: event.processIdentity };
      }
    }
    if (!monitor || !agent)
      throw new Error(`Expected job "${this.jobId}" to have a monitor and an agent, got none`);
    return { monitor, agent };
  }
}

function withoutNumber(reason: string): string {
  return reason.replace(/^dead pid=.*/, 'dead pid');
}
