import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../servers/index.js';
import { postgresUser } from '../../servers/postgres-files.js';

/** A real PgBouncer in front of the test run's Postgres. */
export interface PgBouncer {
  /** The URL of the same login and database, through it. */
  through(url: string): string;
  stop(): Promise<void>;
}

/** Why PgBouncer is not available for tests, or null. */
export function whyNoPgBouncer(): string | null {
  try {
    execFileSync('pgbouncer', ['--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'no pgbouncer command: apt-get install pgbouncer';
  }
}

/**
 * Starts one, with two server connections per pool, so that our connections share them all the time.
 *
 * @param settings more lines of its configuration
 */
export async function startPgBouncer(
  mode: 'transaction' | 'session',
  urls: readonly string[],
  size = 2,
  settings: readonly string[] = [],
): Promise<PgBouncer> {
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-pgbouncer-'));
  const port = await freePort();
  const [first = ''] = urls;
  const { hostname, port: target } = new URL(first);
  const users = urls
    .map((url) => new URL(url))
    .map(({ username, password }) => `"${username}" "${password}"`);
  await writeFile(join(folder, 'users.txt'), users.join('\n'));
  await writeFile(
    join(folder, 'pgbouncer.ini'),
    [
      '[databases]',
      `* = host=${hostname} port=${target}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'auth_type = scram-sha-256',
      `auth_file = ${join(folder, 'users.txt')}`,
      `pool_mode = ${mode}`,
      `default_pool_size = ${size}`,
      ...settings,
    ].join('\n'),
  );
  await chmod(folder, 0o755);
  // Like Postgres, it refuses to run as root.
  const user = await postgresUser();
  const child: ChildProcess = spawn('pgbouncer', [join(folder, 'pgbouncer.ini')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: '/',
    ...user,
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const exited = once(child, 'close');
  const up = new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', () => {
      if (said.includes('process up')) resolve();
    });
    child.once('close', () => reject(new Error(`Expected pgbouncer to start, got: ${said}`)));
  });
  await up;
  return {
    through(url) {
      const through = new URL(url);
      through.host = `127.0.0.1:${port}`;
      return through.href;
    },
    async stop() {
      child.kill('SIGKILL');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
