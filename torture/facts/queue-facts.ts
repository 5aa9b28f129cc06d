import type { Change, Row } from '../world/flight-recorder.js';

/** Whose login wrote. */
export type Writer = 'reaper' | 'launcher' | 'harness';

/** When, by whom and in which transaction something was written. */
export interface Written {
  by: Writer;
  /** The order of writes to one row. */
  order: number;
  xid: string;
  atMs: number;
  /** The writer's application_name. */
  application: string;
}

/** The end of a run, as its job's row was written. */
export interface RunEnd extends Written {
  to: string;
}

/** One execution of a job. */
export interface Run {
  jobId: string;
  runId: string;
  runKey: string;
  taskId: string | null;
  agent: string;
  repo: string | null;
  attempt: number;
  host: string;
  startedMs: number;
  pid: number | null;
  processIdentity: string | null;
  exit: (Written & { code: number }) | null;
  /** At most one, if all is well. */
  ends: RunEnd[];
}

/** A job's birth. */
export interface JobBirth extends Written {
  jobId: string;
  taskId: string | null;
  agent: string;
}

/** A task that moved on. */
export interface TaskMove extends Written {
  taskId: string;
  from: string;
  to: string;
}

/** A row of the reaper's ledger. */
export interface LedgerRow extends Written {
  id: number;
  jobId: string;
  runId: string;
  runKey: string;
  pid: number | null;
  processIdentity: string | null;
  exitCode: number | null;
  outcome: string;
  tier: number;
  reason: string;
  toStage: string | null;
  claimer: string;
  agent: string | null;
  repo: string | null;
  host: string | null;
  evidence: {
    exitCode: number | null;
    streak: number;
    liveness: { state: string; proven: boolean; evidence: string };
  };
}

/** Logins, as `session_user` says them. */
export interface WriterLogins {
  reaper: string;
  launcher: string;
}

/** What people are to be told. */
interface Message {
  key: string;
  owed: boolean;
}

/** What happened to the queue, from what the database itself recorded. */
export class QueueFacts {
  readonly runs = new Map<string, Run>();
  readonly births: JobBirth[] = [];
  readonly moves: TaskMove[] = [];
  readonly ledger: LedgerRow[] = [];
  /** Changes that no step of a job's life is made of, in words. */
  readonly oddities: (Written & { what: string })[] = [];
  /** What the control row said, change by change. */
  readonly controls: (Written & { paused: boolean; mode: string })[] = [];
  /** Latest status of each job. */
  readonly statuses = new Map<string, string>();
  /** Keys of the notifications about failed jobs, by the ledger row that owes them. */
  readonly failures = new Map<number, Message & { digestId: number | null }>();
  /** Digests that stand for such notifications, by their ids. */
  readonly digests = new Map<number, Message>();

  constructor(private readonly logins: WriterLogins) {}

  #learnMessage(row: Row | null): void {
    if (row === null) return;
    const message = { key: String(row['key']), owed: row['owed'] === true };
    const { ledger_id: ledgerId, digest_id: digestId, kind } = row;
    if (kind === 'digest') this.digests.set(Number(row['id']), message);
    if (ledgerId == null) return;
    this.failures.set(Number(ledgerId), { ...message, digestId: digestId == null ? null : Number(digestId) });
  }

  learn(change: Change): void {
    switch (change.relation) {
      case 'jobs':
        this.#learnJob(change);
        break;
      case 'tasks':
        this.#learnTask(change);
        break;
      case 'agent_runs':
        this.#learnExit(change);
        break;
      case 'ledger':
        this.#learnLedger(change);
        break;
      case 'notification':
        this.#learnMessage(change.new);
        break;
      case 'control':
        this.controls.push({
          ...this.#written(change),
          paused: change.new?.['paused'] === true,
          mode: String(change.new?.['mode']),
        });
        break;
      case 'hold':
      case 'gone_host':
      case 'host_probe':
      case 'host_boot':
      case 'survivor':
    }
  }

  #learnJob(change: Change): void {
    const written = this.#written(change);
    const { old, new: now } = change;
    if (now === null) {
      this.#odd(change, `job ${String(old?.['id'])} was deleted`);
      return;
    }
    const [from, to] = [old?.['status'], String(now['status'])];
    this.statuses.set(String(now['id']), to);
    if (old === null) {
      const { id, task_id: taskId } = now;
      this.births.push({
        ...written,
        jobId: String(id),
        taskId: textOf(taskId),
        agent: String(now['agent']),
      });
    }
    if (to === 'running' && from !== 'running') this.#begin(change, now);
    else if (from === 'running' && to !== 'running') this.#end(change, old ?? {}, to);
    else if (from === 'running') this.#stamp(change, old ?? {}, now);
    else if (old !== null)
      this.#odd(change, `job ${String(now['id'])} was not running and went from ${String(from)} to ${to}`);
  }

  #begin(change: Change, now: Row): void {
    if (change.old !== null && change.old['status'] !== 'queued') {
      this.#odd(change, `job ${String(now['id'])} was taken although it was ${String(change.old['status'])}`);
    }
    const runId = String(now['run_id']);
    this.runs.set(runId, {
      jobId: String(now['id']),
      runId,
      runKey: runKeyOf(now),
      taskId: textOf(now['task_id']),
      agent: String(now['agent']),
      repo: textOf(now['repo']),
      attempt: Number(now['attempts']),
      host: String(now['host']),
      startedMs: Date.parse(String(now['started_at'])),
      pid: numberOf(now['pid']),
      processIdentity: textOf(now['process_identity']),
      exit: null,
      ends: [],
    });
  }

  #end(change: Change, old: Row, to: string): void {
    const run = this.runs.get(String(old['run_id']));
    if (run === undefined)
      this.#odd(change, `run ${String(old['run_id'])} ended, and nobody had seen it begin`);
    else run.ends.push({ ...this.#written(change), to });
  }

  #stamp(change: Change, old: Row, now: Row): void {
    const run = this.runs.get(String(now['run_id']));
    if (old['run_id'] !== now['run_id'] || run === undefined) {
      this.#odd(
        change,
        `job ${String(now['id'])} went from run ${String(old['run_id'])} to ${String(now['run_id'])} while it ran`,
      );
      return;
    }
    if (this.#written(change).by === 'reaper') {
      this.#odd(change, `the reaper wrote to the row of job ${run.jobId} while it ran`);
    }
    run.pid = numberOf(now['pid']);
    run.processIdentity = textOf(now['process_identity']);
  }

  #learnTask(change: Change): void {
    const { old, new: now } = change;
    if (old === null || now === null || old['stage'] === now['stage']) return;
    const [from, to] = [String(old['stage']), String(now['stage'])];
    this.moves.push({ ...this.#written(change), taskId: String(now['id']), from, to });
  }

  #learnExit(change: Change): void {
    const run = this.runs.get(String(change.new?.['id']));
    const code = numberOf(change.new?.['exit_code']);
    if (run === undefined || code === null || change.old === null) return;
    if (run.exit !== null) this.#odd(change, `the exit code of run ${run.runId} was written twice`);
    run.exit = { ...this.#written(change), code };
  }

  #learnLedger(change: Change): void {
    const { old, new: now } = change;
    // That its process was checked once more is recorded later.
    if (
      old !== null &&
      now !== null &&
      isSame({ ...old, looked_back_at: null }, { ...now, looked_back_at: null })
    )
      return;
    if (old !== null || now === null) {
      this.#odd(change, `ledger row ${String((old ?? now)?.['id'])} was changed or deleted`);
      return;
    }
    this.ledger.push({
      ...this.#written(change),
      id: Number(now['id']),
      jobId: String(now['job_id']),
      runId: String(now['run_id']),
      runKey: String(now['run_key']),
      pid: numberOf(now['pid']),
      processIdentity: textOf(now['process_identity']),
      exitCode: numberOf(now['exit_code']),
      outcome: String(now['outcome']),
      tier: Number(now['tier']),
      reason: String(now['reason']),
      toStage: textOf(now['to_stage']),
      claimer: String(now['claimer']),
      agent: textOf(now['agent']),
      repo: textOf(now['repo']),
      host: textOf(now['host']),
      evidence: now['evidence'] as unknown as LedgerRow['evidence'],
    });
  }

  #odd(change: Change, what: string): void {
    this.oddities.push({ ...this.#written(change), what });
  }

  #written({ who, id, xid, atMs, application }: Change): Written {
    const by = who === this.logins.reaper ? 'reaper' : who === this.logins.launcher ? 'launcher' : 'harness';
    return { by, order: id, xid, atMs, application };
  }
}

/** As the reference adapter names a run: the attempt, and the microsecond of its start. */
function runKeyOf(row: Row): string {
  const started = String(row['started_at']);
  const [, fraction = ''] = /\.(\d+)/.exec(started) ?? [];
  const seconds = Math.floor(Date.parse(started) / 1000);
  return `${Number(row['attempts'] ?? 0)}-${seconds}${fraction.padEnd(6, '0').slice(0, 6)}`;
}

/** Rows come with their columns in one order. */
function isSame(one: Row, other: Row): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
