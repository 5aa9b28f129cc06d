import { access, chmod, constants, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { packageRoot } from '../paths.js';
import { userFolder } from '../user-folder.js';
import { withDirLock } from './dir-lock.js';
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

/**
 * Where job-reaper keeps its copy of the CLI: below `JOB_REAPER_CACHE_DIR`, else below the user's cache folder. There is a
 * folder per platform, because home directories are shared between machines and mounted into containers.
 */
export async function cachedCliPath(env: NodeJS.ProcessEnv): Promise<string> {
  const given = env['JOB_REAPER_CACHE_DIR'];
  const root = given ? resolve(given) : await userFolder('cache');
  const folder = `${CLI_VERSION}-${process.platform}-${process.arch}`;
  return join(root, 'temporal-cli', folder, executableName('temporal'));
}

/** `name` with the platform's extension for executables. */
export function executableName(name: string): string {
  return process.platform === 'win32' ? `${name}.exe` : name;
}

/** Whether `path` is a file that this process may execute. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    // A folder passes the check above.
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/**
 * Fills the cache. `produce` writes to a temporary name beside the final one. The rename makes the file appear complete or
 * not at all, whatever dies, and however many processes do this at once. Normally one does and the others wait for it.
 *
 * @param produce makes the executable at the given path
 * @returns the path in the cache
 * @throws what `produce` throws, and when the cache folder cannot be written
 */
export async function installCli(
  { env, log }: CliContext,
  produce: (path: string) => Promise<void>,
): Promise<string> {
  const target = await cachedCliPath(env);
  const folder = dirname(target);
  await mkdir(folder, { recursive: true });
  const waiting = 'waiting for another process to get the Temporal dev server';
  return withDirLock(join(folder, 'lock'), { log, waiting }, async () => {
    if (await isExecutable(target)) return target;
    await removeLeftovers(folder);
    const partial = join(folder, `partial-${process.pid}`);
    try {
      await produce(partial);
      await chmod(partial, 0o755);
      await rename(partial, target);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
    return target;
  });
}

/** An interrupted build leaves 250 MB behind. */
async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder);
  const partial = names.filter((name) => name.startsWith('partial-'));
  await Promise.all(partial.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}
