import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';

import { CLI_VERSION, cliToolsFolder, installCli, type CliContext } from './cli-cache.js';
import { withProgress } from './progress.js';

/** Seconds without a new byte until a download is given up: a missing network can look like a slow one. */
const STALL_S = 20;

/**
 * Downloads the Temporal CLI into the cache, with the Temporal SDK's own downloader.
 *
 * @returns the path in the cache
 * @throws when there is no network, or nothing arrives for 20 s
 */
export async function downloadCli(context: CliContext): Promise<string> {
  return installCli(context, async (path) => {
    const { log } = context;
    log(`downloading the Temporal CLI ${CLI_VERSION} for the dev server (once)`);
    const folder = `${path}.download`;
    await mkdir(folder, { recursive: true });
    try {
      const args = [join(cliToolsFolder, 'download.mjs'), folder, CLI_VERSION];
      const download = () => runDownloader(args, folder, STALL_S);
      await rename(await withProgress(log, 'downloading the Temporal CLI', download), path);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/**
 * Runs a downloader: a Node program that downloads into `folder` and prints the path of the result.
 *
 * @param stallS seconds without a change in the folder until the downloader is killed
 * @returns the printed path
 */
export async function runDownloader(
  args: readonly string[],
  folder: string,
  stallS: number,
): Promise<string> {
  const child = execa(process.execPath, args, { reject: false, stdin: 'ignore' });
  const watch = { stalled: false, size: -1, changedAt: performance.now() };
  const look = async () => {
    const size = await sizeOf(folder);
    if (size !== watch.size) Object.assign(watch, { size, changedAt: performance.now() });
    if (performance.now() - watch.changedAt <= stallS * 1000) return;
    watch.stalled = true;
    child.kill('SIGKILL');
  };
  const timer = setInterval(() => void look(), 250);
  try {
    const { exitCode, stdout, stderr, shortMessage } = await child;
    if (watch.stalled) throw new Error(`nothing arrived for ${stallS} s`);
    if (exitCode !== 0) throw new Error(stderr.trim() || shortMessage);
    return stdout.trim();
  } finally {
    clearInterval(timer);
  }
}

async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = names.map((name) =>
    stat(join(folder, name)).then(
      (seen) => seen.size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
