import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import { ensureBaseImages } from './base-images.js';
import { untilDeadline } from './deadline.js';
import { startDaemon, type Daemon } from './daemon.js';
import { runTests } from './tests.js';

// Started by runApart: a Docker daemon of its own for the tests whose files are the arguments.

const CONNECT_LIMIT_MS = 60_000;

const folder = process.env['DEPLOY_CHECK_FOLDER'];
if (folder === undefined) throw new Error('Expected DEPLOY_CHECK_FOLDER, got none: use npm run deploy:check');

const stopped = new AbortController();
process.stdin.on('end', () => stopped.abort()).resume();
// The one who started us decides, and closes our standard input.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

let daemon: Daemon | undefined;
try {
  const isReady = await prepare(folder).catch((error: unknown) => {
    console.log(`Not checked: ${process.argv.slice(2).join(' ')}, because ${(error as Error).message}`);
    return false;
  });
  // Without time they are all skipped, and counted.
  if (isReady) process.exitCode = await runTests(process.argv.slice(2), stopped.signal);
} finally {
  await daemon?.stop();
}
// What still prepares after the deadline ends with our namespaces.
process.exit();

/** A daemon, and the images that others are based on. Without them, nothing can be said about our files. */
async function prepare(at: string): Promise<true> {
  // Whatever containers leave there ends with our mounts.
  await execa('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
  await execa('ip', ['link', 'set', 'lo', 'up']);
  await untilConnected();
  daemon = await startDaemon(at);
  process.env['DOCKER_HOST'] = daemon.address;
  await Promise.race([ensureBaseImages(console.log), untilDeadline(), rejectWhenStopped()]);
  return true;
}

async function untilConnected(): Promise<void> {
  const deadline = Date.now() + CONNECT_LIMIT_MS;
  while (!/^tap0\t00000000\t/m.test(await readFile('/proc/net/route', 'utf8'))) {
    stopped.signal.throwIfAborted();
    if (Date.now() > deadline) throw new Error('slirp4netns gave no way to the network');
    await setTimeout(50);
  }
}

function rejectWhenStopped(): Promise<never> {
  return new Promise((_, reject) => {
    stopped.signal.addEventListener('abort', () => reject(new Error('Stopped')));
  });
}
