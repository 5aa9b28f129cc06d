import { access, chmod, constants, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { userFolder } from '../user-folder.js';
import { withDirLock } from './dir-lock.js';
import type { ServerLog } from './progress.js';

/**
 * The folder of one version of a program: below `JOB_REAPER_CACHE_DIR`, else below the user's cache folder. There is a folder
 * per platform, because home directories are shared between machines and mounted into containers.
 */
export async function cacheFolder(env: NodeJS.ProcessEnv, name: string, version: string): Promise<string> {
  const given = env['JOB_REAPER_CACHE_DIR'];
  const root = given ? resolve(given) : await userFolder('cache');
  return join(root, name, `${version}-${process.platform}-${process.arch}`);
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
 * Puts an executable into its cache folder. `produce` writes to a temporary name beside the final one. The rename makes the
 * file appear complete or not at all, whatever dies, and however many processes do this at once. Normally one does and the
 * others wait for it.
 *
 * @param target the path in the cache
 * @param produce makes the executable at the given path
 * @returns `target`
 * @throws what `produce` throws, and when the folder cannot be written
 */
export async function install(
  target: string,
  options: { readonly log: ServerLog; readonly waiting: string },
  produce: (path: string) => Promise<void>,
): Promise<string> {
  const folder = dirname(target);
  await mkdir(folder, { recursive: true });
  return withDirLock(join(folder, 'lock'), options, async () => {
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
