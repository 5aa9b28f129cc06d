import { crashReason, judgeCrashBudget } from './crash-budget.js';
import { judgeExitRecord } from './exit-record.js';
import { errorText, unknownOutcome } from './outcome.js';
import type { Observation, Outcome, Policy, Tier, Verdict, WatchMemory } from './types.js';
import type { Advance } from './exit-zero.js';

/** How the gate of a run that exited with 0 was judged; see `judgeExitZero`. */
export type ExitZeroAnswer =
  | { kind: 'done'; reason: string; advance: Advance | null; gate: object | null }
  | { kind: 'unknown-outcome'; reason: string; gate: object };

/** What a claim will write. */
export interface ClaimPlan {
  outcome: Outcome;
  tier: Tier;
  reason: string;
  error: string | null;
  advance: Advance | null;
  evidence: Record<string, unknown>;
}

/** Turns a verdict to reap into a claim, with the evidence behind it. */
export function planClaim(
  verdict: Extract<Verdict, { kind: 'reap' }>,
  observation: Observation,
  memory: WatchMemory,
  policy: Policy,
  exitZero: ExitZeroAnswer | null,
): ClaimPlan {
  const { run, liveness, crashes } = observation;
  const evidence = {
    liveness,
    streak: memory.streak,
    unknownLooks: memory.unknown?.looks ?? 0,
    deadForS: deadForS(verdict.tier, observation, memory),
    ageS: run.ageS,
    exitCode: run.exitCode,
    exitAgeS: run.exitAgeS,
    exitRecord: run.exitCode === null ? null : judgeExitRecord(run, liveness),
    gate: exitZero?.gate ?? null,
    policy: {
      intervalS: policy.intervalS,
      confirmS: policy.confirmS,
      deadTicks: policy.deadTicks,
      finalizeGraceS: policy.finalizeGraceS,
      maxRunningS: policy.maxRunningS,
      backstopAlive: policy.backstopAlive,
      backstopUnknown: policy.backstopUnknown,
      ...(policy.maxCrashes !== undefined && { maxCrashes: policy.maxCrashes }),
    },
  };
  if (exitZero?.kind === 'done') {
    const { reason, advance } = exitZero;
    return { outcome: 'done', tier: verdict.tier, reason, error: null, advance, evidence };
  }
  const { tier } = verdict;
  const reason = exitZero?.reason ?? verdict.reason;
  const crashBudget = judgeCrashBudget({ run, tier, liveness, crashes }, policy);
  const ending = { tier, advance: null, evidence: { ...evidence, ...(crashBudget && { crashBudget }) } };
  if (crashBudget?.outcome === 'failed') {
    const why = crashReason(crashBudget, reason);
    return { ...ending, outcome: 'failed', reason: why, error: errorText(run, why) };
  }
  return { ...ending, ...unknownOutcome(run, reason), reason };
}

/**
 * Seconds for which the run was known to be dead before its last look: since it was first seen dead or defunct, or since its
 * exit code was recorded. Null for the backstop.
 */
function deadForS(
  tier: Tier,
  { run }: Observation,
  { firstDeadAtMs, lastDeadAtMs }: WatchMemory,
): number | null {
  if (tier === 2) return run.exitAgeS;
  if (tier === 3 || firstDeadAtMs === null || lastDeadAtMs === null) return null;
  return (lastDeadAtMs - firstDeadAtMs) / 1000;
}
