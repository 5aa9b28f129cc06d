import { join } from 'node:path';

import { packageRoot } from '../paths.js';
import { cacheFolder, executableName, install } from './program-cache.js';
import type { ServerLog } from './progress.js';

/** The version of the Temporal CLI that is downloaded or built; the same as in tools/temporal-cli/go.mod. */
export const CLI_VERSION = '1.5.1';

/** The folder with the pinned Go module and the download script, which get a CLI if the machine has none. */
export const cliToolsFolder = join(packageRoot, 'tools', 'temporal-cli');

/** What each step of the search for a CLI gets. */
export interface CliContext {
  readonly env: NodeJS.ProcessEnv;
  readonly log: ServerLog;
}

/** Where job-reaper keeps its copy of the CLI. */
export async function cachedCliPath(env: NodeJS.ProcessEnv): Promise<string> {
  return join(await cacheFolder(env, 'temporal-cli', CLI_VERSION), executableName('temporal'));
}

/**
 * Fills the cache with the CLI, once for all processes: see {@link install}.
 *
 * @param produce makes the executable at the given path
 * @returns the path in the cache
 * @throws what `produce` throws, and when the cache folder cannot be written
 */
export async function installCli(
  { env, log }: CliContext,
  produce: (path: string) => Promise<void>,
): Promise<string> {
  const waiting = 'waiting for another process to get the Temporal dev server';
  return install(await cachedCliPath(env), { log, waiting }, produce);
}
