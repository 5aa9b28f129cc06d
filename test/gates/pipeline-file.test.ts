import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadPipeline, PipelineError } from '../../src/gates/index.js';
import { load, mistakesIn } from './pipelines.js';
import { temporaryFolder } from './support.js';

describe('without a file', () => {
  it('the default pipeline applies', async () => {
    const pipeline = await loadPipeline(undefined, { functionNames: [] });
    const names: string[] = [];
    for (let name: string | null = 'created'; name !== null; name = pipeline.get(name)?.next ?? null)
      names.push(name);
    expect(names).toEqual([
      ...['created', 'analysis', 'architecture', 'development', 'review'],
      ...['testing', 'deploy-staging', 'deploy', 'done'],
    ]);
    expect(names.filter((name) => pipeline.get(name)?.agent === null)).toEqual(['created', 'done']);
    expect(names.every((name) => pipeline.get(name)?.gate === null)).toBe(true);
    expect(pipeline.finishedBy('deployer').map(({ name }) => name)).toEqual(['testing', 'deploy-staging']);
  });
});

describe('a pipeline file', () => {
  it('is read, with what was left out as null', async () => {
    const gate = { kind: 'git', repository: '/srv/{repo}.git', path: 'docs/{work_item}.md', timeout_s: 5 };
    const pipeline = await load({
      stages: [
        { name: 'created', next: 'dev' },
        { name: 'dev', agent: 'developer', gate, next: 'approval' },
        { name: 'approval', agent: null, next: 'deploy' },
        { name: 'deploy', agent: 'developer', gate: { kind: 'function', name: 'approved' }, next: 'done' },
        { name: 'done' },
      ],
    });
    expect(pipeline.get('created')).toEqual({ name: 'created', agent: null, gate: null, next: 'dev' });
    expect(pipeline.get('dev')).toEqual({ name: 'dev', agent: 'developer', gate, next: 'approval' });
    expect(pipeline.get('done')).toEqual({ name: 'done', agent: null, gate: null, next: null });
    expect(pipeline.finishedBy('developer').map(({ name }) => name)).toEqual(['dev', 'deploy']);
  });

  it('that is missing is a mistake', async () => {
    const file = join(temporaryFolder(), 'pipeline.json');
    await expect(loadPipeline(file, { functionNames: [] })).rejects.toThrow(
      `The pipeline file ${file} has a mistake:\n  expected a file that can be read, got: ENOENT`,
    );
    await expect(loadPipeline('', { functionNames: [] })).rejects.toThrow(PipelineError);
  });

  it('that is not JSON is a mistake with its place', async () => {
    expect(await mistakesIn('{ "stages": [\n  { "name": "dev" },\n]}')).toEqual([
      'line 3, column 1: expected a value, got "]"',
    ]);
  });

  it.each([
    [null, 'expected a pipeline { "stages": [...] }, got null'],
    [[], 'expected a pipeline { "stages": [...] }, got []'],
    [{}, 'stages: expected a list of stages, got nothing'],
    [{ stages: [] }, 'stages: expected at least one stage, got []'],
    [{ stages: {} }, 'stages: expected a list of stages, got {}'],
    [{ stages: [5] }, 'stages[0]: expected a stage, got 5'],
    [{ stages: [{}] }, 'stages[0].name: expected the name of a stage such as "review", got nothing'],
    [{ stages: [{ name: '' }] }, 'stages[0].name: expected the name of a stage such as "review", got ""'],
    [{ stages: [{ name: 'a', agent: 5 }] }, 'stages[0].agent: expected the name of an agent, or null, got 5'],
    [{ stages: [{ name: 'a', next: '' }] }, 'stages[0].next: expected the name of a stage, or null, got ""'],
    [
      { stages: [{ name: 'a', nxet: null }] },
      'stages[0]: expected name, agent, gate or next, got the unknown name "nxet"; did you mean "next"?',
    ],
    [
      { stages: [{ name: 'a' }], stage: [] },
      'expected stages, got the unknown name "stage"; did you mean "stages"?',
    ],
  ])('%j has one mistake: %s', async (content, mistake) => {
    expect(await mistakesIn(content)).toEqual([mistake]);
  });
});

it('reports all mistakes at once, from top to bottom', async () => {
  const stages = [
    { name: 'created', next: 'dev' },
    { name: 'dev', agent: 7, gate: { kind: 'git', path: '/x' }, next: 'reveiw' },
    { name: 'review', agent: 'reviewer', gate: { kind: 'function', name: 'nope' }, next: 'dev' },
    { name: 'review', agent: 'reviewer' },
    'done',
  ];
  const mistakes = await mistakesIn({ stages, extra: 1 });
  expect(mistakes.map((mistake) => mistake.split(': ')[0])).toEqual([
    'expected stages, got the unknown name "extra"',
    'stages[1].agent',
    'stages[1].gate.repository',
    'stages[1].gate.path',
    'stages[1].next',
    'stages[2].gate.name',
    'stages[3].name',
    'stages[4]',
  ]);
});
