import { describe, expect, it } from 'vitest';
import { planClaim } from '../../src/domain/claim-plan.js';
import { planExitZero } from '../../src/domain/exit-zero.js';
import { unknownOutcome } from '../../src/domain/outcome.js';
import { Pipeline } from '../../src/domain/pipeline.js';
import { DEFAULT_POLICY, FRESH_MEMORY, type JobRun } from '../../src/domain/types.js';
import { aRun } from '../support/run.js';

describe('unknown outcome', () => {
  it.each([
    [0, 2, 'queued'],
    [1, 2, 'queued'],
    [2, 2, 'failed'],
    [3, 2, 'failed'],
    [null, 2, 'queued'],
    [1, null, 'queued'],
    [2, null, 'failed'],
    [1, 0, 'queued'],
    [2, 0, 'failed'],
    [1, 1, 'failed'],
    [0, 1, 'queued'],
  ])('after %s of %s attempts is %s', (attempts, maxAttempts, outcome) => {
    expect(unknownOutcome(aRun({ attempts, maxAttempts }), 'exit=1').outcome).toBe(outcome);
  });

  it('names the run, or None', () => {
    expect(unknownOutcome(aRun(), 'dead pid=42').error).toBe('reaped: dead pid=42 (run_id=r1)');
    expect(unknownOutcome(aRun({ runId: null }), 'exit=1').error).toBe('reaped: exit=1 (run_id=None)');
  });
});

const pipeline = new Pipeline([
  { name: 'approval', agent: null, gate: { kind: 'sql' }, next: 'development' },
  { name: 'development', agent: 'developer', gate: { kind: 'git' }, next: 'testing' },
  { name: 'testing', agent: 'deployer', gate: null, next: 'staging' },
  { name: 'staging', agent: 'deployer', gate: null, next: 'done' },
  { name: 'done', agent: null, gate: null, next: null },
]);
const already = { kind: 'done', reason: 'exit0, already advanced' };

describe('exit 0', () => {
  it.each<[string, Partial<JobRun>, object]>([
    ['task missing', { stage: null }, already],
    ['stage unknown', { stage: 'nowhere' }, already],
    ['no agent, in a stage that has one', { agent: null }, already],
    [
      'no agent, in a stage without one',
      { agent: null, stage: 'approval' },
      {
        kind: 'ask-gate',
        stage: { name: 'approval' },
        advance: { fromStage: 'approval', toStage: 'development', nextAgent: 'developer' },
      },
    ],
    [
      'no agent, in the last stage',
      { agent: null, stage: 'done' },
      { kind: 'ask-gate', stage: { name: 'done' }, advance: null },
    ],
    [
      "no agent, and the job's own stage is past",
      { agent: null, stage: 'done', jobStage: 'approval' },
      already,
    ],
    ['stage of another agent', { stage: 'testing' }, already],
    ['stage that nobody works on', { stage: 'done' }, already],
    ["the job's own stage is past", { jobStage: 'testing', stage: 'staging', agent: 'deployer' }, already],
    ["the job's own stage is another agent's", { jobStage: 'testing', stage: 'testing' }, already],
    ['no branch', { branch: null }, { kind: 'red' }],
    ['an empty branch', { branch: '' }, { kind: 'red' }],
    [
      'work to check',
      {},
      { kind: 'ask-gate', advance: { fromStage: 'development', toStage: 'testing', nextAgent: 'deployer' } },
    ],
    [
      'the first stage of an agent with several',
      { agent: 'deployer', stage: 'testing' },
      { kind: 'ask-gate', advance: { fromStage: 'testing', toStage: 'staging', nextAgent: 'deployer' } },
    ],
    [
      'the last stage of an agent with several',
      { agent: 'deployer', stage: 'staging', jobStage: 'staging' },
      { kind: 'ask-gate', advance: { fromStage: 'staging', toStage: 'done', nextAgent: null } },
    ],
  ])('with %s', (_, run, plan) => {
    expect(planExitZero(aRun(run), pipeline, true)).toMatchObject(plan);
  });

  it('is done if the queue has no stages', () => {
    expect(planExitZero(aRun({ stage: null }), pipeline, false)).toEqual({
      kind: 'done',
      reason: 'exit0, no stage',
    });
  });
});

describe('claim plan', () => {
  const observation = {
    run: aRun({ exitCode: 0, exitAgeS: 300 }),
    liveness: { state: 'dead', proven: false, evidence: 'pid 42 absent' },
    alerted: false,
  } as const;
  const verdict = { kind: 'reap', tier: 2, path: 'exit-zero', reason: 'exit=0' } as const;
  const advance = { fromStage: 'development', toStage: 'testing', nextAgent: 'deployer' };

  it('is done, with the advance, when the gate was green', () => {
    const green = { kind: 'done', reason: 'exit0, gate green', advance, gate: { green: true } } as const;
    expect(planClaim(verdict, observation, FRESH_MEMORY, DEFAULT_POLICY, green)).toMatchObject({
      outcome: 'done',
      reason: 'exit0, gate green',
      error: null,
      advance,
      evidence: { gate: { green: true }, liveness: { evidence: 'pid 42 absent' }, exitCode: 0 },
    });
  });

  it('never invents a success', () => {
    const red = { kind: 'unknown-outcome', reason: 'exit0 but gate red', gate: { green: false } } as const;
    expect(planClaim(verdict, observation, FRESH_MEMORY, DEFAULT_POLICY, red)).toMatchObject({
      outcome: 'queued',
      reason: 'exit0 but gate red',
      error: 'reaped: exit0 but gate red (run_id=r1)',
      advance: null,
    });
    const killed = { kind: 'reap', tier: 1, path: 'unknown-outcome', reason: 'dead pid=42' } as const;
    expect(planClaim(killed, observation, FRESH_MEMORY, DEFAULT_POLICY, null).outcome).toBe('queued');
  });
});
