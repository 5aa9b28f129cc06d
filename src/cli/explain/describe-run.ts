import { ceilingS, isExitOfAnotherRun } from '../../domain/policy.js';
import type { JobRun, Policy } from '../../domain/types.js';

/** Describes the row: its agent, host and attempt, and how long it has been running. */
export function describeRun(run: JobRun, policy: Policy): string[] {
  const lines = [
    `agent ${named(run.agent)}, repo ${named(run.repo)}, attempt ${attempt(run)}`,
    `host ${named(run.host)}, pid ${named(run.pid)}, ${run.processIdentity === null ? 'no identity stamp' : 'with identity stamp'}`,
    `run ${named(run.runKey)}, ${describeAge(run, policy)}`,
  ];
  if (run.stage !== null) lines.push(`its task is in stage ${run.stage}, branch ${named(run.branch)}`);
  if (run.exitCode !== null && isExitOfAnotherRun(run)) {
    lines.push(
      `exit code ${run.exitCode} was recorded before this run started, so it belongs to another run: the launcher must clear it when it starts a run`,
    );
  }
  return lines;
}

/** A run's age and ceiling. */
export function describeAge(run: JobRun, policy: Policy): string {
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
