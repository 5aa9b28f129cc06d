import type { JobRun, Observation, Policy, Verdict, WatchMemory } from './types.js';
import { FRESH_MEMORY } from './types.js';

/** What {@link judge} needs besides the observation. */
export interface JudgeContext {
  policy: Policy;
  memory: WatchMemory;
  /** The watch's clock in milliseconds. */
  nowMs: number;
  /** An operator's `reap`: one dead observation is enough. Nothing else is skipped. */
  skipStreak?: boolean;
  /** Needed by histories of previous versions: for them one look at a run over its ceiling was enough, even within the grace. */
  asBefore?: boolean;
}

/** The policy's verdict on one observation, and what to remember. */
export interface Judgement {
  verdict: Verdict;
  memory: WatchMemory;
}

/**
 * The policy: three tiers, without I/O. A verdict that waits never waits 0 s.
 *
 * - Tier 2: a recorded exit code drops the streak. After the grace the agent's end is known; within it nothing fires. A record
 *   older than the run says nothing about it.
 * - Tier 1: a pid that is dead in enough consecutive observations, at least one interval apart.
 * - Tier 3, the backstop: a run over its ceiling is reaped at once. One that is proven alive only causes an alert; on queues without
 *   exit codes, so does one whose liveness is unknown. A stamped run could be proven alive, so it is reaped only after as many unknown
 *   looks as tier 1 needs dead ones, and never once it caused an alert as alive. Runs that look dead or defunct are left to tier 1.
 */
export function judge(observation: Observation, context: JudgeContext): Judgement {
  const { run } = observation;
  if (run.exitCode === null) return judgeProcess(observation, context);
  if (context.asBefore === true || !isExitOfAnotherRun(run)) {
    return judgeExit(observation, run.exitCode, context);
  }
  return judgeProcess({ ...observation, run: { ...run, exitCode: null, exitAgeS: null } }, context);
}

/** Whether a run's exit record is older than the run: a launcher did not clear what the previous run left. */
export function isExitOfAnotherRun({ exitBeforeStart, exitAgeS, ageS }: JobRun): boolean {
  if (exitBeforeStart !== undefined) return exitBeforeStart;
  return exitAgeS !== null && ageS !== null && exitAgeS > ageS + 1;
}

function judgeExit(observation: Observation, exitCode: number, context: JudgeContext): Judgement {
  const { policy, asBefore } = context;
  const { run } = observation;
  const { exitAgeS } = run;
  const memory = FRESH_MEMORY;
  if (exitAgeS !== null && exitAgeS >= policy.finalizeGraceS) {
    const path = exitCode === 0 ? 'exit-zero' : 'unknown-outcome';
    return { verdict: { kind: 'reap', tier: 2, path, reason: `exit=${exitCode}` }, memory };
  }
  const isWithinGrace = exitAgeS !== null && exitAgeS >= 0;
  const backstop = isWithinGrace && asBefore !== true ? null : judgeBackstop(observation, context);
  if (backstop) return backstop;

  // A time that is missing or in the future says nothing about the grace. It may be written again.
  const leftS = isWithinGrace
    ? policy.finalizeGraceS - exitAgeS
    : Math.min(policy.intervalS, ceilingLeftS(run, policy));
  const age = exitAgeS === null ? 'at an unknown time' : `${exitAgeS}s ago`;
  return {
    verdict: {
      kind: 'defer',
      why: 'finalizing',
      waitMs: toWaitMs(1000 * leftS, policy),
      line: `job ${run.jobId} exit_code=${exitCode} recorded ${age} (< grace ${policy.finalizeGraceS}s), deferring`,
    },
    memory,
  };
}

function judgeProcess(observation: Observation, context: JudgeContext): Judgement {
  const { run, liveness } = observation;
  const { policy, nowMs } = context;
  if (liveness.state === 'alive' || liveness.state === 'unknown') {
    return judgeBackstop(observation, context) ?? { verdict: { kind: 'healthy' }, memory: FRESH_MEMORY };
  }

  if (liveness.state === 'defunct') {
    const defunctSinceMs = context.memory.defunctSinceMs ?? nowMs;
    const graceLeftMs = defunctSinceMs + policy.finalizeGraceS * 1000 - nowMs;
    if (graceLeftMs > 0) {
      const memory = { ...FRESH_MEMORY, defunctSinceMs };
      const backstop = context.asBefore === true ? judgeAge(observation, context) : null;
      if (backstop) return { verdict: backstop, memory };
      const line = `job ${run.jobId} pid=${printed(run.pid)} defunct (< grace ${policy.finalizeGraceS}s), deferring`;
      const waitMs = toWaitMs(graceLeftMs, policy);
      return { verdict: { kind: 'defer', why: 'defunct', waitMs, line }, memory };
    }
  }
  return judgeDead(observation, context);
}

function judgeDead(observation: Observation, context: JudgeContext): Judgement {
  const { run } = observation;
  const { policy, nowMs } = context;
  const memory = countDead(context);
  const ticks = context.skipStreak === true ? 1 : looksNeeded(policy);
  if (memory.streak >= ticks) {
    const reason = `dead pid=${printed(run.pid)}`;
    return { verdict: { kind: 'reap', tier: 1, path: 'unknown-outcome', reason }, memory };
  }
  const backstop = context.asBefore === true ? judgeAge(observation, context) : null;
  if (backstop) return { verdict: backstop, memory };

  const sinceCountedMs = nowMs - (memory.lastDeadAtMs ?? nowMs);
  const waitMs = toWaitMs(policy.intervalS * 1000 - sinceCountedMs, policy);
  const line = `job ${run.jobId} pid=${printed(run.pid)} dead (streak ${memory.streak}/${ticks}), deferring`;
  return { verdict: { kind: 'defer', why: 'dead', waitMs, line }, memory };
}

/** A dead observation counts if it is the first of its streak, or at least one interval after the last that counted. */
function countDead({ memory, nowMs, policy }: JudgeContext): WatchMemory {
  const { streak, lastDeadAtMs, defunctSinceMs } = memory;
  const firstDeadAtMs = memory.firstDeadAtMs ?? defunctSinceMs ?? nowMs;
  if (lastDeadAtMs !== null && nowMs - lastDeadAtMs < policy.intervalS * 1000) return memory;
  return { streak: streak + 1, lastDeadAtMs: nowMs, firstDeadAtMs, defunctSinceMs };
}

/** Tier 3; null if it does not apply. One look is enough if nothing can prove the run alive, or if no proof would save it. */
function judgeBackstop(observation: Observation, context: JudgeContext): Judgement | null {
  const { run, liveness } = observation;
  const { policy, nowMs, asBefore } = context;
  const verdict = judgeAge(observation, context);
  if (verdict === null) return null;
  const mayBeProven =
    liveness.state === 'unknown' && run.processIdentity !== null && policy.backstopAlive === 'alert';
  if (verdict.kind !== 'reap' || !mayBeProven || asBefore === true) return { verdict, memory: FRESH_MEMORY };

  const unknown = countUnknown(context);
  const memory = { ...FRESH_MEMORY, unknown };
  const ticks = looksNeeded(policy);
  if (unknown.looks >= ticks) return { verdict, memory };
  const waitMs = toWaitMs(policy.intervalS * 1000 - (nowMs - unknown.lastAtMs), policy);
  const line = `job ${run.jobId} pid=${printed(run.pid)} unknown over its ceiling (look ${unknown.looks}/${ticks}), deferring`;
  return { verdict: { kind: 'defer', why: 'unknown', waitMs, line }, memory };
}

/** Counts like {@link countDead}. */
function countUnknown({ memory: { unknown }, nowMs, policy }: JudgeContext): {
  looks: number;
  lastAtMs: number;
} {
  if (unknown && nowMs - unknown.lastAtMs < policy.intervalS * 1000) return unknown;
  return { looks: (unknown?.looks ?? 0) + 1, lastAtMs: nowMs };
}

function looksNeeded({ deadTicks }: Policy): number {
  return Math.max(1, deadTicks);
}

/** The verdict by age alone; null below the ceiling, if the run's alert was already sent, and if only the streak may decide. */
function judgeAge(
  { run, liveness, alerted, alertedUnknown }: Observation,
  { policy, asBefore }: JudgeContext,
): Verdict | null {
  const ageS = run.ageS ?? 0;
  const maxS = ceilingS(run, policy);
  if (ageS < maxS) return null;
  const reason = `backstop age=${ageS}s>=${maxS}s`;
  const reap: Verdict = { kind: 'reap', tier: 3, path: 'unknown-outcome', reason };
  if (liveness.proven) {
    if (policy.backstopAlive === 'reap') return reap;
    return alerted ? null : { kind: 'alert', about: 'alive', reason };
  }
  const isSeenEnded = liveness.state === 'dead' || liveness.state === 'defunct';
  if (alerted && !isSeenEnded && policy.backstopAlive === 'alert' && asBefore !== true) {
    return alertedUnknown === true ? null : { kind: 'alert', about: 'unknown', reason };
  }
  // A recorded exit code says that the agent has ended.
  if (policy.backstopUnknown !== 'alert' || run.exitCode !== null) return reap;
  // Only in histories of previous versions: a run that looks dead or defunct is left to the streak.
  if (isSeenEnded) return null;
  return alertedUnknown === true ? null : { kind: 'alert', about: 'unknown', reason };
}

/** The run's ceiling in seconds: its own if it has one, else the policy's. */
export function ceilingS(run: JobRun, policy: Policy): number {
  return run.maxRunningS !== null && run.maxRunningS > 0 ? run.maxRunningS : policy.maxRunningS;
}

/** Whole seconds until the ceiling; infinite once it has passed. */
function ceilingLeftS(run: JobRun, policy: Policy): number {
  const left = ceilingS(run, policy) - (run.ageS ?? 0);
  return left > 0 ? left : Infinity;
}

/** Whole milliseconds to wait, at least one; an interval if there is no moment to wait for. */
function toWaitMs(leftMs: number, { intervalS }: Policy): number {
  const waitMs = Number.isFinite(leftMs) && leftMs > 0 ? leftMs : 1000 * intervalS;
  return Math.max(1, Math.ceil(waitMs));
}

function printed(value: string | number | null): string {
  return value === null ? 'None' : String(value);
}
