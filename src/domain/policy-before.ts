import { ceilingLeftS, ceilingS, confirmWaitS, countDead, looksNeeded, printed, toWaitMs } from './policy.js';
import type { JudgeContext, Judgement } from './policy.js';
import { FRESH_MEMORY, type Observation, type Verdict } from './types.js';

/**
 * The policy before one look proved nothing: a single look at a run over its ceiling was enough, even within the grace, and every exit
 * record was believed. Only for histories that began under it; goes with the patch `one-look-proves-nothing`.
 */
export function judgeBefore(observation: Observation, context: JudgeContext): Judgement {
  const { run, liveness } = observation;
  const { policy, nowMs } = context;
  if (run.exitCode !== null) return judgeExit(observation, run.exitCode, context);
  if (liveness.state === 'alive' || liveness.state === 'unknown') {
    return { verdict: judgeAge(observation, context) ?? { kind: 'healthy' }, memory: FRESH_MEMORY };
  }

  if (liveness.state === 'defunct') {
    const defunctSinceMs = context.memory.defunctSinceMs ?? nowMs;
    const graceLeftMs = defunctSinceMs + policy.finalizeGraceS * 1000 - nowMs;
    if (graceLeftMs > 0) {
      const memory = { ...FRESH_MEMORY, defunctSinceMs };
      const line = `job ${run.jobId} pid=${printed(run.pid)} defunct (< grace ${policy.finalizeGraceS}s), deferring`;
      const waitMs = toWaitMs(graceLeftMs, policy);
      const verdict = judgeAge(observation, context) ?? { kind: 'defer', why: 'defunct', waitMs, line };
      return { verdict, memory };
    }
  }

  const memory = countDead(run, context);
  const ticks = context.skipStreak === true ? 1 : looksNeeded(policy);
  if (memory.streak >= ticks) {
    const reason = `dead pid=${printed(run.pid)}`;
    return { verdict: { kind: 'reap', tier: 1, path: 'unknown-outcome', reason }, memory };
  }
  const sinceCountedMs = nowMs - (memory.lastDeadAtMs ?? nowMs);
  const waitMs = toWaitMs(confirmWaitS(run, policy) * 1000 - sinceCountedMs, policy);
  const line = `job ${run.jobId} pid=${printed(run.pid)} dead (streak ${memory.streak}/${ticks}), deferring`;
  return { verdict: judgeAge(observation, context) ?? { kind: 'defer', why: 'dead', waitMs, line }, memory };
}

function judgeExit(observation: Observation, exitCode: number, context: JudgeContext): Judgement {
  const { run } = observation;
  const { policy } = context;
  const { exitAgeS } = run;
  const memory = FRESH_MEMORY;
  if (exitAgeS !== null && exitAgeS >= policy.finalizeGraceS) {
    const path = exitCode === 0 ? 'exit-zero' : 'unknown-outcome';
    return { verdict: { kind: 'reap', tier: 2, path, reason: `exit=${exitCode}` }, memory };
  }
  const backstop = judgeAge(observation, context);
  if (backstop) return { verdict: backstop, memory };

  const leftS =
    exitAgeS !== null && exitAgeS >= 0
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
  if (policy.backstopUnknown !== 'alert' || run.exitCode !== null) return reap;
  if (liveness.state === 'dead' || liveness.state === 'defunct') return null;
  return alertedUnknown === true ? null : { kind: 'alert', about: 'unknown', reason };
}
