import { Pipeline } from '../domain/pipeline.js';

/** Every stage in its order, with who works on it. */
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

/** The pipeline without a pipeline file. It has no gates: an agent's exit 0 is believed. */
export function defaultPipeline(): Pipeline {
  return new Pipeline(
    STAGES.map(([name, agent], index) => ({ name, agent, gate: null, next: STAGES[index + 1]?.[0] ?? null })),
  );
}
