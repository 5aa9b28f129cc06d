import { secondsSince, believesExit } from './fragments.js';
import type { JobRun } from '../domain/types.js';

/** The columns of {@link JobRun} for a view aliased `r`, and `c.now` for the database's clock. */
export const JOB_RUN_COLUMNS = `
  r.job_id as "jobId", r.run_key as "runKey", r.run_id as "runId", r.task_id as "taskId", r.agent, r.repo, r.host, r.pid,
  r.process_identity as "processIdentity", r.attempts, r.max_attempts as "maxAttempts",
  r.max_running_s as "maxRunningS", trunc(${secondsSince('r.started_at')})::bigint as "ageS",
  r.exit_code as "exitCode", trunc(${secondsSince('r.finished_at')})::bigint as "exitAgeS",
  not ${believesExit(false)} as "exitBeforeStart", not ${believesExit(true)} as "exitNearStart",
  r.branch, r.stage, r.job_stage as "jobStage", r.work_item as "workItem"`;

const FIELDS = [
  'jobId',
  'runKey',
  'runId',
  'taskId',
  'agent',
  'repo',
  'host',
  'pid',
  'processIdentity',
  'attempts',
  'maxAttempts',
  'maxRunningS',
  'ageS',
  'exitCode',
  'exitAgeS',
  'exitBeforeStart',
  'exitNearStart',
  'branch',
  'stage',
  'jobStage',
  'workItem',
] as const satisfies readonly (keyof JobRun)[];

/** Takes the run's fields from a row that was selected with {@link JOB_RUN_COLUMNS}. */
export function toJobRun(row: JobRun): JobRun {
  return Object.fromEntries(FIELDS.map((field) => [field, row[field]])) as unknown as JobRun;
}
