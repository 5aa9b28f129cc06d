import type { Database } from '../../src/db/database.js';
import type { RunRef } from '../../src/domain/types.js';

/** A running job of the reference schema; omitted values have healthy defaults. */
export interface RunningJob {
  id?: string;
  agent?: string | null;
  repo?: string | null;
  attempts?: number | null;
  maxAttempts?: number | null;
  host?: string | null;
  pid?: number | null;
  processIdentity?: string | null;
  /** Null for a row that names no run. */
  runId?: null;
  /** Seconds ago. @default 10 seconds before its exit, or 10 seconds ago */
  startedS?: number | null;
  exitCode?: number | null;
  /** Seconds ago. */
  exitedS?: number | null;
  /** Creates a task in this stage. */
  stage?: string;
  branch?: string | null;
  workItem?: string | null;
  /** The stage the job itself records. */
  jobStage?: string | null;
}

let serial = 0;

/** Inserts a running job with its agent run and, if a stage is given, its task. */
export async function insertRunningJob(
  admin: Database,
  job: RunningJob = {},
): Promise<RunRef & { runId: string }> {
  serial += 1;
  const id = job.id ?? `job-${serial}`;
  const runId = `run-${id}-${serial}`;
  const exitedS =
    job.exitCode === undefined || job.exitCode === null ? null : job.exitedS === undefined ? 0 : job.exitedS;
  if (job.runId !== null) {
    await admin.query(
      `insert into agent_runs (id, exit_code, finished_at) values ($1, $2, reaper.now() - make_interval(secs => $3))`,
      [runId, job.exitCode ?? null, exitedS],
    );
  }
  const taskId = job.stage === undefined ? null : `task-${id}`;
  if (taskId !== null) {
    await admin.query(
      'insert into tasks (id, repo, branch, stage, work_item_id) values ($1, $2, $3, $4, $5)',
      [
        taskId,
        job.repo ?? 'web',
        job.branch === undefined ? 'main' : job.branch,
        job.stage,
        job.workItem ?? 'W-1',
      ],
    );
  }
  await admin.query(
    `insert into jobs (id, task_id, agent, repo, stage, status, attempts, max_attempts, host, pid, process_identity, run_id, started_at)
     values ($1, $2, $3, $4, $5, 'running', $6, $7, $8, $9, $10, $11, reaper.now() - make_interval(secs => $12))`,
    [
      id,
      taskId,
      job.agent === undefined ? 'developer' : job.agent,
      job.repo === undefined ? 'web' : job.repo,
      job.jobStage ?? null,
      job.attempts === undefined ? 1 : job.attempts,
      job.maxAttempts === undefined ? 2 : job.maxAttempts,
      job.host === undefined ? 'host-1' : job.host,
      job.pid === undefined ? 4242 : job.pid,
      job.processIdentity ?? null,
      job.runId === null ? null : runId,
      job.startedS === undefined ? 10 + (exitedS ?? 0) : job.startedS,
    ],
  );
  const { rows } = await admin.query<{ run_key: string }>(
    'select run_key from reaper.running_job where job_id = $1',
    [id],
  );
  return { jobId: id, runKey: rows[0]?.run_key ?? '', runId };
}

/** A job's row, as tests check it. */
export async function readJob(admin: Database, id: string): Promise<Record<string, unknown>> {
  const { rows } = await admin.query('select * from jobs where id = $1', [id]);
  if (rows[0] === undefined) throw new Error(`Expected a job "${id}", got none`);
  return rows[0];
}
