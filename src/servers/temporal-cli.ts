import { delimiter, join } from 'node:path';

import { buildCli } from './cli-build.js';
import { cachedCliPath, type CliContext } from './cli-cache.js';
import { downloadCli } from './cli-download.js';
import { executableName, isExecutable } from './program-cache.js';
import { reasonOf, type ServerLog } from './progress.js';

/** One way to get a `temporal` executable. */
export interface CliStep {
  /** The name of this way, for the error that lists them all. */
  readonly name: string;
  /**
   * @returns the path of an executable
   * @throws an error whose message says why this way failed
   */
  find(context: CliContext): Promise<string>;
}

/** Options of {@link findTemporalCli}. */
export interface FindCliOptions {
  readonly log: ServerLog;
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /**
   * Tried in this order.
   *
   * @default PATH, the cache, a download, a build with Go
   */
  readonly steps?: readonly CliStep[] | undefined;
}

const STEPS: readonly CliStep[] = [
  { name: 'temporal on PATH', find: onPath },
  { name: 'the cache', find: inCache },
  { name: 'a download', find: downloadCli },
  { name: 'a build with Go', find: buildCli },
];

/**
 * Finds the Temporal CLI, whose dev server the demo and the tests use: `TEMPORAL_CLI_PATH` if it is set, else the
 * first step that succeeds. If the machine has no CLI, this downloads one, or builds one, which takes minutes. Both happen
 * only once, and are logged.
 *
 * @returns the path of an executable
 * @throws when `TEMPORAL_CLI_PATH` is not an executable file, or every step fails: lists each with its reason
 */
export async function findTemporalCli({
  log,
  env = process.env,
  steps = STEPS,
}: FindCliOptions): Promise<string> {
  const given = env['TEMPORAL_CLI_PATH'];
  if (given) {
    if (await isExecutable(given)) return given;
    throw new Error(
      `Expected TEMPORAL_CLI_PATH to be an executable file, got \`${given}\`. ` +
        'Correct it, or unset it to search for a Temporal CLI.',
    );
  }
  const tried: string[] = [];
  for (const step of steps) {
    try {
      return await step.find({ env, log });
    } catch (error) {
      tried.push(`  - ${step.name}: ${reasonOf(error)}`);
    }
  }
  throw new Error(
    [
      'Expected a Temporal CLI for the dev server, found none:',
      ...tried,
      'Install the Temporal CLI (https://docs.temporal.io/cli), or set TEMPORAL_CLI_PATH to one, ' +
        'or set TEMPORAL_ADDRESS to use a server that is already running.',
    ].join('\n'),
  );
}

async function onPath({ env }: CliContext): Promise<string> {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const folder of folders) {
    const path = join(folder, executableName('temporal'));
    if (await isExecutable(path)) return path;
  }
  throw new Error('not found');
}

async function inCache({ env }: CliContext): Promise<string> {
  const path = await cachedCliPath(env);
  if (await isExecutable(path)) return path;
  throw new Error(`no executable ${path}`);
}
