import { execa } from 'execa';

import { CLI_VERSION, cliToolsFolder, installCli, type CliContext } from './cli-cache.js';
import { withProgress } from './progress.js';

const MODULE = 'github.com/temporalio/cli';
const BUILD_LIMIT_MS = 30 * 60 * 1000;
const REASON_SHOWN = 600;

/**
 * Builds the Temporal CLI into the cache, from its Go module. tools/temporal-cli pins the version and checksums.
 * Takes 2 to 5 minutes on two cores, and about 250 MB.
 *
 * @returns the path in the cache
 * @throws when Go is missing, or the build fails
 */
export async function buildCli(context: CliContext): Promise<string> {
  const { env, log } = context;
  // Checked first: nobody should wait for the lock only to hear that Go is missing.
  const go = await execa('go', ['version'], { env, extendEnv: false, reject: false });
  if (go.failed) throw new Error(go.code === 'ENOENT' ? 'no go on PATH' : go.stderr || go.shortMessage);

  return installCli(context, async (path) => {
    log(
      `building the Temporal dev server once: go build of ${MODULE} v${CLI_VERSION}; ` +
        "this takes 2-5 minutes and about 250 MB of disk, plus Go's caches; later starts take a second",
    );
    // Stripped, because nobody debugs it.
    const ldflags = `-s -w -X ${MODULE}/temporalcli.Version=${CLI_VERSION}`;
    const args = ['build', '-mod=readonly', '-trimpath', '-buildvcs=false', '-ldflags', ldflags, '-o', path];
    const build = () =>
      execa('go', [...args, `${MODULE}/cmd/temporal`], {
        cwd: cliToolsFolder,
        // A workspace above this package is not ours.
        env: { ...env, GOWORK: 'off' },
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
        timeout: BUILD_LIMIT_MS,
      });
    const result = await withProgress(log, 'building the Temporal dev server', build);
    if (result.failed) {
      const reason = result.stderr.trim().slice(-REASON_SHOWN);
      throw new Error(`go build failed: ${reason === '' ? result.shortMessage : reason}`);
    }
  });
}
