import type { Client, WorkflowHandle } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { Liveness } from '../../src/domain/liveness.js';
import type { RunRef } from '../../src/domain/types.js';
import { keepNamed, toHostLook } from '../../src/activities/look-at-page.js';
import { readHostPage } from '../../src/db/host-pages.js';
import type { HostWatchInput, HostWatchResult } from '../../src/workflows/host-watch-state.js';
import type { watchHost } from '../../src/workflows/index.js';
import type { SweepSummary, WatchState } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startReaper, type TestReaper, type TestReaperOptions } from '../support/reaper.js';
import { eventually } from '../support/wait.js';

const HistoryType = temporal.api.history.v1.History;
const AS_JSON = { longs: String, enums: String, bytes: String };

/** A workflow's history as JSON, which `temporal.api.history.v1.History.fromObject` reads. */
export interface RecordedHistory {
  workflowId: string;
  history: object;
}

const SIGHTINGS = {
  alive: { state: 'alive', proven: true, evidence: 'scripted: runs as stamped' },
  dead: { state: 'dead', proven: false, evidence: 'scripted: absent' },
  defunct: { state: 'defunct', proven: false, evidence: 'scripted: exited' },
  unknown: { state: 'unknown', proven: false, evidence: 'scripted: nobody can tell' },
} satisfies Record<string, Liveness>;

/** What one recorded story is played in: real servers and workflows, scripted processes, nothing of this machine. */
export class World {
  readonly #histories = new Map<string, RecordedHistory>();
  #reaper: TestReaper | null = null;
  /** What the probe of host-1 sees, by job. */
  readonly #seen = new Map<string, keyof typeof SIGHTINGS>();

  private constructor(
    readonly name: string,
    readonly db: TestDatabase,
  ) {}

  static async create(name: string): Promise<World> {
    return new World(name, await createTestDatabase());
  }

  /** From now on the probe sees this of a job's process; what it was not told of is alive. */
  see(jobId: string, sighting: keyof typeof SIGHTINGS): void {
    this.#seen.set(jobId, sighting);
  }

  async start(options: TestReaperOptions = {}): Promise<TestReaper> {
    const jobOf = async (pid: number | null) => {
      const { rows } = await this.db.admin.query<{ id: string }>('select id from jobs where pid = $1', [pid]);
      return rows[0]?.id ?? '';
    };
    this.#reaper = await startReaper(this.db, {
      name: `recorded-${this.name}`,
      identity: 'recorder',
      probes: () => ({
        examineHost: async (host) => {
          const { rows } = await this.db.admin.query<RunRef>(
            `select job_id as "jobId", run_key as "runKey" from reaper.examinable_run where host = $1 order by 1`,
            [host],
          );
          const symptoms = rows.flatMap((ref) => {
            const symptom = this.#seen.get(ref.jobId) ?? 'alive';
            if (symptom !== 'dead' && symptom !== 'defunct') return [];
            return { ...ref, host, watchId: this.reaper.names.watchId(ref), symptom };
          });
          return { symptoms, unknown: 0, next: null };
        },
        lookAtHost: async (host, { page, named }, limits) => {
          const rows = keepNamed(await readHostPage(this.db.probe, host, page), named);
          const seen = rows.map(({ jobId }) => SIGHTINGS[this.#seen.get(jobId) ?? 'alive']);
          return toHostLook(rows, seen, limits, named);
        },
        probeRun: async (_host, { pid }) => SIGHTINGS[this.#seen.get(await jobOf(pid)) ?? 'alive'],
      }),
      ...options,
    });
    return this.#reaper;
  }

  /** Like {@link start}; its sweeps see nothing, so that only host watches act. */
  startBlind(options: TestReaperOptions = {}): Promise<TestReaper> {
    return this.start({
      ...options,
      jobs: (real) => ({
        scan: async (...args) => ({
          ...(await real.scan(...args)),
          runs: null,
          watchAll: false,
          hosts: [],
          symptoms: { items: [], next: null },
        }),
        ...options.jobs?.(real),
      }),
    });
  }

  get reaper(): TestReaper {
    if (this.#reaper === null) throw new Error('Expected a started reaper, got none');
    return this.#reaper;
  }

  watch(ref: RunRef) {
    return this.reaper.watch(ref);
  }

  sql(text: string): Promise<unknown> {
    return this.db.admin.query(text);
  }

  /** Waits until a watch does something. */
  async until(ref: RunRef, phase: WatchState['phase'], telling = ''): Promise<void> {
    await eventually(`the watch ${phase}`, async () => {
      const state = await this.watch(ref).query<WatchState>('watch');
      return state.phase === phase && state.story.some((line) => line.includes(telling));
    });
  }

  /** Waits until a watch is over, and keeps its history: of each execution, where it continued as new. */
  async keepWatch(ref: RunRef, outcome: string): Promise<void> {
    await eventually('the watch', () => this.watch(ref).describe());
    const result = (await this.watch(ref).result()) as { outcome: string };
    if (result.outcome !== outcome) throw new Error(`Expected "${outcome}", got "${result.outcome}"`);
    await this.#keep('watch', this.watch(ref));
  }

  /** Plays a host watch, and keeps its history: of each execution, where it continued as new. */
  async keepHostWatch(
    host: string | null,
    input: Partial<HostWatchInput>,
    isMeant: (result: HostWatchResult) => boolean,
  ): Promise<void> {
    const { client, names } = this.reaper;
    const handle = await client.workflow.start<typeof watchHost>('watchHost', {
      workflowId: names.hostWatchId(host),
      taskQueue: names.workflowQueue,
      args: [{ host, ...input }],
    });
    const result = await handle.result();
    if (!isMeant(result)) throw new Error(`Expected another result than ${JSON.stringify(result)}`);
    await this.#keep('host', client.workflow.getHandle(handle.workflowId));
  }

  /** Ends the reaper and keeps its history: of each execution, where it continued as new. */
  async keepReaper(): Promise<void> {
    const handle = this.reaper.client.workflow.getHandle(this.reaper.names.reaper);
    await handle.terminate('the story is told');
    await this.#keep('reaper', handle);
  }

  async sweepUntil(what: string, isThere: (summary: SweepSummary) => boolean): Promise<void> {
    await eventually(what, async () => isThere(await this.reaper.sweepNow()));
  }

  async end(): Promise<[file: string, RecordedHistory][]> {
    await this.#reaper?.stop();
    await this.db.drop();
    return [...this.#histories];
  }

  async #keep(what: string, handle: WorkflowHandle): Promise<void> {
    const { workflowId } = handle;
    const executions = await executionsOf(this.reaper.client, workflowId);
    for (const [n, history] of executions.entries()) {
      const suffix = executions.length === 1 ? '' : `-${n + 1}`;
      this.#histories.set(`${this.name}.${what}${suffix}.json`, { workflowId, history });
    }
  }
}

/** The histories of a workflow's executions, oldest first: each closed by continuing as new, but the last. */
async function executionsOf(client: Client, workflowId: string): Promise<object[]> {
  const histories: object[] = [];
  let runId: string | undefined = (await client.workflow.getHandle(workflowId).describe()).runId;
  while (runId !== undefined && runId !== '') {
    try {
      const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      histories.unshift(withoutPaths(HistoryType.toObject(HistoryType.fromObject(history), AS_JSON)));
      runId =
        history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? undefined;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) break;
      throw error;
    }
  }
  return histories;
}

/** Stack traces name the machine's folders; replay does not look at them. */
function withoutPaths(history: object): object {
  return JSON.parse(
    JSON.stringify(history, (key, value: unknown) => (key === 'stackTrace' ? '' : value)),
  ) as object;
}
