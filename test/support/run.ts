import type { JobRun } from '../../src/domain/types.js';

/** A healthy run; a test names only what it is about. */
export function aRun(run: Partial<JobRun> = {}): JobRun {
  return {
    jobId: 'j1',
    runKey: '1-1',
    runId: 'r1',
    taskId: 't1',
    agent: 'developer',
    repo: 'web',
    host: 'host-1',
    pid: 42,
    processIdentity: null,
    attempts: 1,
    maxAttempts: 2,
    maxRunningS: null,
    ageS: 60 + (run.exitAgeS ?? 0),
    exitCode: null,
    exitAgeS: null,
    branch: 'main',
    stage: 'development',
    jobStage: null,
    workItem: 'W-1',
    ...run,
  };
}
