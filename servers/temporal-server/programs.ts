import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';

import { withProgress, type ServerLog } from '../../src/servers/progress.js';
import { cacheFolder, executableName, install, isExecutable } from '../../src/servers/program-cache.js';

/** The version of the Temporal server that the tests can run against. */
export const TEMPORAL_SERVER_VERSION = '1.29.1';

const MODULE = 'go.temporal.io/server';
const BUILD_LIMIT_MS = 30 * 60 * 1000;
const REASON_SHOWN = 600;

/** The programs of a Temporal server. */
export interface ServerPrograms {
  /** Runs any of its services. */
  readonly server: string;
  /** Creates the schemas of its databases. */
  readonly sqlTool: string;
}

/** Their packages in the Go module. */
const PACKAGES = { server: 'cmd/server', sqlTool: 'cmd/tools/sql' } as const;

interface Context {
  readonly env: NodeJS.ProcessEnv;
  readonly log: ServerLog;
}

/**
 * Finds the programs in the cache, or builds them once from the server's Go module, which takes minutes.
 *
 * @throws when Go is missing, or a build fails
 */
export async function findServerPrograms(context: Context): Promise<ServerPrograms> {
  return { server: await find(context, 'server'), sqlTool: await find(context, 'sqlTool') };
}

/** Whether the programs are in the cache: a test that only wants them if they are there need not build them. */
export async function hasServerPrograms(env: NodeJS.ProcessEnv): Promise<boolean> {
  const names = Object.keys(PACKAGES) as (keyof typeof PACKAGES)[];
  const found = await Promise.all(names.map(async (name) => isExecutable(await cachedPath(env, name))));
  return found.every(Boolean);
}

const NAMES = { server: 'temporal-server', sqlTool: 'temporal-sql-tool' } as const;

async function cachedPath(env: NodeJS.ProcessEnv, name: keyof typeof PACKAGES): Promise<string> {
  return join(
    await cacheFolder(env, 'temporal-server', TEMPORAL_SERVER_VERSION),
    executableName(NAMES[name]),
  );
}

async function find({ env, log }: Context, name: keyof typeof PACKAGES): Promise<string> {
  const target = await cachedPath(env, name);
  if (await isExecutable(target)) return target;
  const what = `${NAMES[name]} ${TEMPORAL_SERVER_VERSION}`;
  return install(target, { log, waiting: `waiting for another process to build ${what}` }, async (path) => {
    const source = `${MODULE}/${PACKAGES[name]}@v${TEMPORAL_SERVER_VERSION}`;
    log(`building ${what} once: go install ${source}; this takes minutes, and 3 GB with Go's caches`);
    const folder = `${path}.built`;
    try {
      const args = ['install', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w', source];
      const build = () =>
        execa('go', args, {
          env: { ...env, GOBIN: folder, GOWORK: 'off' },
          extendEnv: false,
          reject: false,
          stdin: 'ignore',
          timeout: BUILD_LIMIT_MS,
        });
      const result = await withProgress(log, `building ${what}`, build);
      if (result.failed) {
        const reason = result.code === 'ENOENT' ? 'no go on PATH' : result.stderr.trim().slice(-REASON_SHOWN);
        throw new Error(
          `Expected \`go install ${source}\` to build ${what}, got: ${reason === '' ? result.shortMessage : reason}. ` +
            'Install Go, or unset REAPER_TEST_TEMPORAL to use the dev server.',
        );
      }
      const [built = ''] = PACKAGES[name].split('/').slice(-1);
      await rename(join(folder, executableName(built)), path);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}
