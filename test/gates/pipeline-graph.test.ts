import { describe, expect, it } from 'vitest';
import { mistakesIn } from './pipelines.js';

const stage = (name: string, next: string | null, more: object = { agent: 'dev' }) => ({
  name,
  next,
  ...more,
});

describe('the graph of stages', () => {
  it('has a unique name for each', async () => {
    const stages = [stage('a', 'b'), stage('b', null), stage('a', null)];
    expect(await mistakesIn({ stages })).toEqual([
      'stages[2].name: expected a unique name, got "a", which stages[0] has',
    ]);
  });

  it('leads to existing stages only; a typo is one mistake', async () => {
    const stages = [stage('dev', 'tets'), stage('test', 'done'), stage('done', null)];
    expect(await mistakesIn({ stages })).toEqual([
      'stages[0].next: expected the name of a stage, got "tets"; did you mean "test"?',
    ]);
    expect(await mistakesIn({ stages: [stage('dev', 'nowhere'), stage('test', null)] })).toEqual([
      'stages[0].next: expected the name of a stage, got "nowhere"; write null for the end',
    ]);
  });

  it('reaches every stage', async () => {
    const stages = [stage('a', 'b'), stage('b', null), stage('c', 'd'), stage('d', 'b')];
    expect(await mistakesIn({ stages })).toEqual([
      'stages[2].name: expected a stage that can be reached from the first one, got "c", which no task reaches',
      'stages[3].name: expected a stage that can be reached from the first one, got "d", which no task reaches',
    ]);
  });

  it('reaches every stage, even after a typo', async () => {
    const stages = [stage('dev', 'tset'), stage('test', null), stage('orphan', null)];
    expect(await mistakesIn({ stages })).toEqual([
      'stages[0].next: expected the name of a stage, got "tset"; did you mean "test"?',
      'stages[2].name: expected a stage that can be reached from the first one, got "orphan", which no task reaches',
    ]);
  });

  it('ends: a cycle is reported with its members', async () => {
    const stages = [stage('a', 'b'), stage('b', 'c'), stage('c', 'd'), stage('d', 'b')];
    expect(await mistakesIn({ stages })).toEqual([
      'stages[3].next: expected a path that ends, got the cycle b -> c -> d -> b: write null for the end',
    ]);
    expect(await mistakesIn({ stages: [stage('a', 'a')] })).toEqual([
      'stages[0].next: expected a path that ends, got the cycle a -> a: write null for the end',
    ]);
  });

  it('is reported with each cycle once, even one that no task reaches', async () => {
    const stages = [stage('a', 'b'), stage('b', 'a'), stage('x', 'y'), stage('y', 'x'), stage('z', 'x')];
    const mistakes = await mistakesIn({ stages });
    expect(mistakes.filter((text) => text.includes('the cycle'))).toEqual([
      'stages[1].next: expected a path that ends, got the cycle a -> b -> a: write null for the end',
      'stages[3].next: expected a path that ends, got the cycle x -> y -> x: write null for the end',
    ]);
    expect(mistakes.filter((text) => text.includes('no task reaches'))).toHaveLength(3);
  });

  it('has an agent for each stage in the middle, or an explicit null if a person moves the task on', async () => {
    const stages = [stage('created', 'wait', {}), stage('wait', 'done', {}), stage('done', null, {})];
    expect(await mistakesIn({ stages })).toEqual([
      'stages[1].agent: expected the agent that works on "wait", got nothing: name it, or write null if a person moves the task on',
    ]);
    stages[1] = stage('wait', 'done', { agent: null });
    expect(await mistakesIn({ stages })).toEqual([]);
  });

  it('may have a gate on a stage without an agent: it is asked for jobs without an agent', async () => {
    const gate = { kind: 'function', name: 'approved' };
    expect(await mistakesIn({ stages: [{ name: 'a', gate }] })).toEqual([]);
  });
});
