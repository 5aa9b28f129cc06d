import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { Pipeline } from '../domain/pipeline.js';
import { messageOf } from '../domain/trouble.js';
import { didYouMean } from '../domain/did-you-mean.js';
import { oneOf, shown } from '../domain/wording.js';
import { defaultPipeline } from './default-pipeline.js';
import { JsonTextError, parseJsonText } from './json-text.js';
import { formatMistake, PipelineError, type Mistake } from './mistakes.js';
import { findGraphMistakes, type StageEntry } from './pipeline-graph.js';
import { expected, gateSchema, strict, text } from './spec.js';

const A_STAGE = 'the name of a stage such as "review"';

/** One stage of a pipeline file. Only `name` is required. */
const stageSchema = strict('a stage', {
  /** The stage's name as in the tasks; unique. */
  name: text(A_STAGE),
  /** The agent of the stage's jobs. One agent may work on several stages. Null or left out: none. */
  agent: text('the name of an agent, or null').nullable().default(null),
  /** Checks that the stage's work is really there. Null or left out: always green. */
  gate: gateSchema.nullable().default(null),
  /** The stage that a task moves on to. Null or left out: the task ends here. */
  next: text('the name of a stage, or null').nullable().default(null),
});

/**
 * The format of the file that REAPER_PIPELINE names: JSON with the stages of every task. The first one comes first.
 *
 * ```json
 * {
 *   "stages": [
 *     { "name": "created", "next": "development" },
 *     {
 *       "name": "development",
 *       "agent": "developer",
 *       "gate": { "kind": "git", "repository": "/srv/repos/{repo}.git", "path": "docs/{work_item}.md" },
 *       "next": "done"
 *     },
 *     { "name": "done" }
 *   ]
 * }
 * ```
 *
 * Every stage must be reachable from the first one, and the path must end. A stage in the middle that waits for a person
 * has `"agent": null`. Texts of a gate may contain `{job}`, `{stage}`, `{repo}`, `{branch}` and `{work_item}`; if the job
 * has no such value, the gate is red.
 */
export const pipelineSchema = strict('a pipeline { "stages": [...] }', {
  stages: z.array(stageSchema, expected('a list of stages')).min(1, expected('at least one stage')),
});

/** Options of {@link loadPipeline}. */
export interface LoadPipelineOptions {
  /** The names of the functions registered for gates of kind `function`. */
  functionNames: readonly string[];
  /**
   * False if REAPER_GATE_DATABASE_URL is not set: then an sql gate is a mistake.
   *
   * @default true
   */
  hasGateDatabase?: boolean | undefined;
}

/**
 * Reads a pipeline file; without a path, {@link defaultPipeline}.
 *
 * @throws PipelineError with all mistakes and their places
 */
export async function loadPipeline(
  path: string | undefined,
  options: LoadPipelineOptions,
): Promise<Pipeline> {
  if (path === undefined) return defaultPipeline();
  const raw = await readJson(path);
  const parsed = pipelineSchema.safeParse(raw);
  const stages = listOf(raw);
  const mistakes: Mistake[] = [
    ...(parsed.error?.issues ?? []),
    ...findGraphMistakes(stages.map(toEntry)),
    ...stages.flatMap((stage, index) => findUnavailable(stage, index, options)),
  ];
  if (parsed.success && mistakes.length === 0) return new Pipeline(parsed.data.stages);
  const inFileOrder = mistakes.sort((a, b) => stageOf(a) - stageOf(b));
  throw new PipelineError(path, inFileOrder.map(formatMistake));
}

async function readJson(path: string): Promise<unknown> {
  try {
    return parseJsonText(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof JsonTextError) throw new PipelineError(path, [error.message]);
    throw new PipelineError(path, [
      `expected a file that can be read, got: ${messageOf(error)}; check REAPER_PIPELINE`,
    ]);
  }
}

type Loose = Readonly<Record<string, unknown>>;

/** The stages as far as they can be read, so that a mistake in one place does not hide another. */
function listOf(raw: unknown): Loose[] {
  const { stages } = asObject(raw);
  return Array.isArray(stages) ? stages.map(asObject) : [];
}

function asObject(value: unknown): Loose {
  return typeof value === 'object' && value !== null ? (value as Loose) : {};
}

function toEntry({ name, next = null, agent }: Loose, index: number): StageEntry {
  return {
    index,
    name: typeof name === 'string' && name !== '' ? name : undefined,
    next: next === null || (typeof next === 'string' && next !== '') ? next : undefined,
    agent: agent === undefined ? 'missing' : agent === null ? 'null' : 'set',
  };
}

/** Finds gates that are valid, but cannot be asked here. */
function findUnavailable(stage: Loose, index: number, options: LoadPipelineOptions): Mistake[] {
  const { kind, name } = asObject(stage['gate']);
  const path = ['stages', index, 'gate'];
  if (kind === 'sql' && options.hasGateDatabase === false) {
    const message = 'expected REAPER_GATE_DATABASE_URL for an sql gate, got nothing: set it';
    return [{ path: [...path, 'kind'], message }];
  }
  if (kind !== 'function' || typeof name !== 'string' || options.functionNames.includes(name)) return [];
  const registered =
    options.functionNames.length === 0
      ? 'a registered function (there is none)'
      : `a registered function (${oneOf(options.functionNames)})`;
  const message = `expected ${registered}, got ${shown(name)}${didYouMean(name, options.functionNames)}`;
  return [{ path: [...path, 'name'], message }];
}

function stageOf({ path }: Mistake): number {
  return typeof path[1] === 'number' ? path[1] : -1;
}
