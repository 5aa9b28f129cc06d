import { ceilingS, confirmWaitS } from './policy.js';
import { isCrashReason } from './crash-budget.js';
import type { ClaimPlan } from './claim-plan.js';
import type { JobRun, Observation, Outcome, Policy, Verdict, WatchMemory } from './types.js';

const DECISIONS: Readonly<Record<Outcome, string>> = { done: 'done', queued: 'requeue', failed: 'fail' };

/** What a claim will do and why, in words. */
export function describeDecision({ outcome, tier, reason }: ClaimPlan, run: JobRun): string {
  const causes = {
    1: `pid ${run.pid ?? 'None'} is dead${isCrashReason(reason) ? ` (${reason})` : ''}`,
    2: `the agent exited with ${run.exitCode ?? 'None'} (${reason})`,
    3: `it is over its ceiling (${reason})`,
  };
  return `${DECISIONS[outcome]}, because ${causes[tier]}`;
}

/** The evidence for a verdict to reap, in words a person can check. */
export function describeProof(
  { tier }: Extract<Verdict, { kind: 'reap' }>,
  { run, liveness }: Observation,
  { streak, unknown }: WatchMemory,
  policy: Policy,
): string {
  switch (tier) {
    case 1:
      return streak === 1
        ? `dead in one look: ${liveness.evidence}`
        : `dead in ${streak} looks in a row, at least ${confirmWaitS(run, policy)}s apart: ${liveness.evidence}`;
    case 2:
      return `the agent exited with ${run.exitCode ?? 'None'}, ${run.exitAgeS ?? 0}s ago: longer than the grace of ${policy.finalizeGraceS}s`;
    case 3:
      return (
        `running for ${run.ageS ?? 0}s, longer than its ceiling of ${ceilingS(run, policy)}s, ` +
        describeDoubt()
      );
  }

  function describeDoubt(): string {
    if (liveness.proven) return 'alive, but REAPER_BACKSTOP_ALIVE=reap';
    if (!unknown || unknown.looks < 2) return 'and not proven alive';
    return `and not proven alive in ${unknown.looks} looks in a row, at least ${policy.intervalS}s apart: ${liveness.evidence}`;
  }
}
