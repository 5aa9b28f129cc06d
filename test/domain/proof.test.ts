import { expect, it } from 'vitest';
import { describeDecision, describeProof } from '../../src/domain/proof.js';
import {
  DEFAULT_POLICY,
  FRESH_MEMORY,
  type JobRun,
  type Outcome,
  type Tier,
} from '../../src/domain/types.js';
import { aRun } from '../support/run.js';

const evidence = 'pid 42 absent';

it.each<[Tier, number, Partial<JobRun>, string]>([
  [1, 2, {}, 'dead in 2 looks in a row, at least 15s apart: pid 42 absent'],
  [1, 1, {}, 'dead in one look: pid 42 absent'],
  [2, 0, { exitCode: 3, exitAgeS: 301 }, 'the agent exited with 3, 301s ago: longer than the grace of 300s'],
  [
    3,
    0,
    { ageS: 61, maxRunningS: 60 },
    'running for 61s, longer than its ceiling of 60s, and not proven alive',
  ],
])('tier %s, streak %s, %j: %s', (tier, streak, run, expected) => {
  const verdict = { kind: 'reap', tier, path: 'unknown-outcome', reason: 'any' } as const;
  const observation = {
    run: aRun(run),
    liveness: { state: 'dead', proven: false, evidence } as const,
    alerted: false,
  };
  expect(describeProof(verdict, observation, { ...FRESH_MEMORY, streak }, DEFAULT_POLICY)).toBe(expected);
});

it.each<[Outcome, Tier, string, Partial<JobRun>, string]>([
  ['queued', 1, 'dead pid=42', {}, 'requeue, because pid 42 is dead'],
  ['failed', 2, 'exit=3', { exitCode: 3 }, 'fail, because the agent exited with 3 (exit=3)'],
  [
    'done',
    2,
    'exit0, gate green',
    { exitCode: 0 },
    'done, because the agent exited with 0 (exit0, gate green)',
  ],
  [
    'queued',
    3,
    'backstop age=61s>=60s',
    {},
    'requeue, because it is over its ceiling (backstop age=61s>=60s)',
  ],
])('decides %s by tier %s (%s, %j): %s', (outcome, tier, reason, run, expected) => {
  const plan = { outcome, tier, reason, error: null, advance: null, evidence: {} };
  expect(describeDecision(plan, aRun(run))).toBe(expected);
});

it('tier 3 after unknown looks says how many there were', () => {
  const verdict = { kind: 'reap', tier: 3, path: 'unknown-outcome', reason: 'any' } as const;
  const observation = {
    run: aRun({ ageS: 61, maxRunningS: 60 }),
    liveness: { state: 'unknown', proven: false, evidence: 'the probe did not answer' } as const,
    alerted: false,
  };
  const memory = { ...FRESH_MEMORY, unknown: { looks: 2, lastAtMs: 1 } };
  expect(describeProof(verdict, observation, memory, DEFAULT_POLICY)).toBe(
    'running for 61s, longer than its ceiling of 60s, and not proven alive in 2 looks in a row, at least 15s apart: the probe did not answer',
  );
});
