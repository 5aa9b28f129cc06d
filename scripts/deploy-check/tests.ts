import { execa } from 'execa';
import { packageRoot } from '../../src/paths.js';

/**
 * Runs tests of the deployment.
 *
 * @param args files and flags for vitest
 * @returns its exit code
 */
export async function runTests(args: readonly string[], signal?: AbortSignal): Promise<number> {
  const { exitCode } = await execa('npx', ['vitest', 'run', '--config', 'vitest.deploy.config.ts', ...args], {
    cwd: packageRoot,
    stdio: ['ignore', 'inherit', 'inherit'],
    reject: false,
    forceKillAfterDelay: 5_000,
    ...(signal !== undefined && { cancelSignal: signal }),
  });
  return exitCode ?? 1;
}
