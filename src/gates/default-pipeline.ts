import { Pipeline } from '../domain/pipeline.js';

/** All stages in order, each with its agent. */
const STAGES: readonly (readonly [name: string, agent: string | null])[] = [
  ['created', null],
  ['analysis', 'analyst'],
  ['architecture', 'architect'],
  ['development', 'developer'],
  ['review', 'reviewer'],
  ['testing', 'deployer'],
  ['deploy-staging', 'deployer'],
  ['deploy', 'releaser'],
  ['done', null],
];

/** The pipeline that applies without a pipeline file. It has no gates: exit code 0 is enough. */
export function defaultPipeline(): Pipeline {
  return new Pipeline(
    STAGES.map(([name, agent], index) => ({ name, agent, gate: null, next: STAGES[index + 1]?.[0] ?? null })),
  );
}
