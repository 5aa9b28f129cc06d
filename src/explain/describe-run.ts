import { judgeExitRecord } from '../domain/exit-record.js';
import type { Liveness } from '../domain/liveness.js';
import { ceilingS } from '../domain/policy.js';
import type { JobRun, Policy } from '../domain/types.js';

/** Describes the row: its agent, host and attempt, and how long it has been running. */
export function describeRun(run: JobRun, liveness: Liveness, policy: Policy): string[] {
  const lines = [
    `agent ${named(run.agent)}, repo ${named(run.repo)}, attempt ${attempt(run)}`,
    `host ${named(run.host)}, pid ${named(run.pid)}, ${run.processIdentity === null ? 'no identity stamp' : 'with identity stamp'}`,
    `run ${named(run.runKey)}, ${describeAge(run, policy)}`,
  ];
  if (run.stage !== null) lines.push(`its task is in stage ${run.stage}, branch ${named(run.branch)}`);
  const exit = judgeExitRecord(run, liveness);
  if (exit === 'older') {
    lines.push(
      `exit code ${run.exitCode ?? 'None'} was recorded before this run started, so it belongs to another run: the launcher must clear it when it starts a run`,
    );
  }
  if (exit === 'alive') {
    lines.push(
      `exit code ${run.exitCode ?? 'None'} was not recorded clearly after this run started, and its process is proven alive, so it may belong to another run and is not believed: the launcher must clear it when it starts a run`,
    );
  }
  return lines;
}

/** A run's age and ceiling. */
function describeAge(run: JobRun, policy: Policy): string {
  const ceiling = ceilingS(run, policy);
  const own = ceiling === policy.maxRunningS ? '' : ' (its own ceiling)';
  return run.ageS === null
    ? `running for an unknown time, so it never reaches the ceiling of ${ceiling} s${own}`
    : `running for ${run.ageS} s of ${ceiling} s${own}`;
}

function attempt({ attempts, maxAttempts }: JobRun): string {
  return `${attempts ?? 0} of ${maxAttempts === null || maxAttempts === 0 ? 2 : maxAttempts}`;
}

function named(value: string | number | null): string {
  return value === null ? 'none' : String(value);
}
