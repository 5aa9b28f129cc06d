import { judgeExitRecord } from './exit-record.js';
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
 *   that is or may be a previous run's says nothing; see {@link judgeExitRecord}.
 * - Tier 1: a pid that is dead in enough consecutive observations, far enough apart; see {@link confirmWaitS}.
 * - Tier 3, the backstop: a run over its ceiling is reaped at once. One that is proven alive only causes an alert; on queues without
 *   exit codes, so does one whose liveness is unknown. A stamped run could be proven alive, so it is reaped only after as many looks
 *   without that proof as tier 1 needs dead ones, and, unless its exit code is recorded, never once it caused an alert as alive. A look
 *   that finds it dead, or defunct past the grace, is one of them; but without an unknown one among them the decision is tier 1's.
 */
export function judge(observation: Observation, context: JudgeContext): Judgement {
  const { run, liveness } = observation;
  if (run.exitCode === null) return judgeProcess(observation, context);
  if (judgeExitRecord(run, liveness) === 'believed') return judgeExit(observation, run.exitCode, context);
  return judgeProcess({ ...observation, run: { ...run, exitCode: null, exitAgeS: null } }, context);
}

function judgeExit(observation: Observation, exitCode: number, context: JudgeContext): Judgement {
  const { policy } = context;
  const { run } = observation;
  const { exitAgeS } = run;
  const memory = FRESH_MEMORY;
  if (exitAgeS !== null && exitAgeS >= policy.finalizeGraceS) {
    const path = exitCode === 0 ? 'exit-zero' : 'unknown-outcome';
    return { verdict: { kind: 'reap', tier: 2, path, reason: `exit=${exitCode}` }, memory };
  }
  const isWithinGrace = exitAgeS !== null && exitAgeS >= 0;
  const backstop = isWithinGrace ? null : judgeBackstop(observation, context);
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
      // No proof of life, so what was counted over the ceiling still counts; this look does not.
      const memory = { ...FRESH_MEMORY, defunctSinceMs, ...withUnproven(context.memory.unknown) };
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
  const dead = countDead(run, context);
  const ticks = context.skipStreak === true ? 1 : looksNeeded(policy);
  if (dead.streak >= ticks) {
    const reason = `dead pid=${printed(run.pid)}`;
    return { verdict: { kind: 'reap', tier: 1, path: 'unknown-outcome', reason }, memory: dead };
  }
  const backstop = needsProof(run, policy) ? judgeAge(observation, context) : null;
  const unproven = backstop?.kind === 'reap' ? countUnproven(context) : undefined;
  const memory = { ...dead, ...withUnproven(unproven) };
  if (backstop && unproven && unproven.looks >= looksNeeded(policy)) return { verdict: backstop, memory };

  const sinceCountedMs = nowMs - (dead.lastDeadAtMs ?? nowMs);
  const waitMs = toWaitMs(confirmWaitS(run, policy) * 1000 - sinceCountedMs, policy);
  const line = `job ${run.jobId} pid=${printed(run.pid)} dead (streak ${dead.streak}/${ticks}), deferring`;
  return { verdict: { kind: 'defer', why: 'dead', waitMs, line }, memory };
}

/**
 * Seconds that must lie between two dead observations of a run. Confirming sooner than after an interval is only for a run that is older
 * than that: a younger one may still show its job's last process.
 */
export function confirmWaitS(
  { ageS }: Pick<JobRun, 'ageS'>,
  { intervalS, confirmS = intervalS }: Policy,
): number {
  return ageS !== null && ageS >= intervalS ? Math.min(confirmS, intervalS) : intervalS;
}

/** A dead observation counts if it is the first of its streak, or long enough after the last that counted. */
export function countDead(run: JobRun, { memory, nowMs, policy }: JudgeContext): WatchMemory {
  const { streak, lastDeadAtMs, defunctSinceMs } = memory;
  const firstDeadAtMs = memory.firstDeadAtMs ?? defunctSinceMs ?? nowMs;
  if (lastDeadAtMs !== null && nowMs - lastDeadAtMs < confirmWaitS(run, policy) * 1000) {
    return { streak, lastDeadAtMs, firstDeadAtMs: memory.firstDeadAtMs, defunctSinceMs };
  }
  return { streak: streak + 1, lastDeadAtMs: nowMs, firstDeadAtMs, defunctSinceMs };
}

/** Tier 3; null if it does not apply. One look is enough if nothing can prove the run alive, or if no proof would save it. */
function judgeBackstop(observation: Observation, context: JudgeContext): Judgement | null {
  const { run, liveness } = observation;
  const { policy, nowMs } = context;
  const verdict = judgeAge(observation, context);
  if (verdict === null) return null;
  const isEnough = liveness.state !== 'unknown' || !needsProof(run, policy);
  if (verdict.kind !== 'reap' || isEnough) return { verdict, memory: FRESH_MEMORY };

  const unknown = countUnproven(context);
  const memory = { ...FRESH_MEMORY, unknown };
  const ticks = looksNeeded(policy);
  if (unknown.looks >= ticks) return { verdict, memory };
  const waitMs = toWaitMs(policy.intervalS * 1000 - (nowMs - unknown.lastAtMs), policy);
  const line = `job ${run.jobId} pid=${printed(run.pid)} unknown over its ceiling (look ${unknown.looks}/${ticks}), deferring`;
  return { verdict: { kind: 'defer', why: 'unknown', waitMs, line }, memory };
}

/** Whether a proof of life is possible, and would save the run from tier 3. */
function needsProof(run: JobRun, policy: Policy): boolean {
  return run.processIdentity !== null && policy.backstopAlive === 'alert';
}

/** Counts like {@link countDead}, an interval apart: no proof is not a death. */
function countUnproven({ memory: { unknown }, nowMs, policy }: JudgeContext): Unproven {
  if (unknown && nowMs - unknown.lastAtMs < policy.intervalS * 1000) return unknown;
  return { looks: (unknown?.looks ?? 0) + 1, lastAtMs: nowMs };
}

type Unproven = NonNullable<WatchMemory['unknown']>;

function withUnproven(unknown: Unproven | undefined): Pick<WatchMemory, 'unknown'> {
  return unknown === undefined ? {} : { unknown };
}

export function looksNeeded({ deadTicks }: Policy): number {
  return Math.max(1, deadTicks);
}

/** The verdict by age alone; null below the ceiling, if the run's alert was already sent, and if only the streak may decide. */
function judgeAge(
  { run, liveness, alerted, alertedUnknown }: Observation,
  { policy }: JudgeContext,
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
  // A recorded exit code says that the agent has ended, whatever was seen before.
  if (run.exitCode !== null) return reap;
  const wasProven = alerted && policy.backstopAlive === 'alert';
  if (policy.backstopUnknown !== 'alert' && !wasProven) return reap;
  if (liveness.state === 'dead' || liveness.state === 'defunct') return null;
  return alertedUnknown === true ? null : { kind: 'alert', about: 'unknown', reason };
}

/** The run's ceiling in seconds: its own if it has one, else the policy's. */
export function ceilingS(run: JobRun, policy: Policy): number {
  return run.maxRunningS !== null && run.maxRunningS > 0 ? run.maxRunningS : policy.maxRunningS;
}

/** Whole seconds until the ceiling; infinite once it has passed. */
export function ceilingLeftS(run: JobRun, policy: Policy): number {
  const left = ceilingS(run, policy) - (run.ageS ?? 0);
  return left > 0 ? left : Infinity;
}

/** Whole milliseconds to wait, at least one; an interval if there is no moment to wait for. */
export function toWaitMs(leftMs: number, { intervalS }: Policy): number {
  const waitMs = Number.isFinite(leftMs) && leftMs > 0 ? leftMs : 1000 * intervalS;
  return Math.max(1, Math.ceil(waitMs));
}

export function printed(value: string | number | null): string {
  return value === null ? 'None' : String(value);
}
