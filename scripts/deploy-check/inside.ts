import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import { ensureBaseImages } from './base-images.js';
import { startDaemon } from './daemon.js';
import { runTests } from './tests.js';

// Started by runApart: a Docker daemon of its own for the tests whose files are the arguments.

const folder = process.env['DEPLOY_CHECK_FOLDER'];
if (folder === undefined) throw new Error('Expected DEPLOY_CHECK_FOLDER, got none: use npm run deploy:check');

const stopped = new AbortController();
process.stdin.on('end', () => stopped.abort()).resume();
// The one who started us decides, and closes our standard input.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

await execa('ip', ['link', 'set', 'lo', 'up']);
await untilConnected();
const daemon = await startDaemon(folder);
try {
  process.env['DOCKER_HOST'] = daemon.address;
  await Promise.race([ensureBaseImages(console.log), rejectWhenStopped()]);
  process.exitCode = await runTests(process.argv.slice(2), stopped.signal);
} finally {
  await daemon.stop();
}
process.stdin.destroy();

async function untilConnected(): Promise<void> {
  while (!/^tap0\t00000000\t/m.test(await readFile('/proc/net/route', 'utf8'))) {
    stopped.signal.throwIfAborted();
    await setTimeout(50);
  }
}

function rejectWhenStopped(): Promise<never> {
  return new Promise((_, reject) => {
    stopped.signal.addEventListener('abort', () => reject(new Error('Stopped')));
  });
}
