import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import { cacheFolder } from './cache.js';

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 30_000;

/** A Docker daemon of our own. */
export interface Daemon {
  /** For `DOCKER_HOST`. */
  readonly address: string;
  /** Removes every container, volume and network, and ends. Images stay, so that the next one is ready sooner. */
  stop(): Promise<void>;
}

/**
 * Starts a Docker daemon whose images are kept in the cache folder, and everything else in a temporary one.
 *
 * @param folder the temporary folder; its name is that of the control group for all containers
 * @throws when it does not answer; with the end of its log
 */
export async function startDaemon(folder: string): Promise<Daemon> {
  const address = `unix://${join(folder, 'docker.sock')}`;
  const log = join(folder, 'dockerd.log');
  await mkdir(join(folder, 'exec'));
  const { stdout: files } = await execa('bash', ['-c', 'ulimit -Hn']);
  const flags = [
    ['--data-root', await cacheFolder('docker')],
    ['--exec-root', join(folder, 'exec')],
    ['--pidfile', join(folder, 'docker.pid')],
    ['--host', address],
    ['--cgroup-parent', `/${basename(folder)}`],
    // Not every root may raise its limits.
    ...(files === 'unlimited' ? [] : [['--default-ulimit', `nofile=${files}:${files}`]]),
  ];
  const daemon = spawn('dockerd', flags.flat(), {
    stdio: ['ignore', openSync(log, 'w'), openSync(log, 'a')],
    // A signal from the terminal is ours: containers are removed first.
    detached: true,
  });
  daemon.on('error', () => undefined);
  const exited = once(daemon, 'exit');
  const docker = (...args: string[]) =>
    execa('docker', args, { env: { DOCKER_HOST: address }, reject: false, timeout: STOP_LIMIT_MS });

  const deadline = Date.now() + START_LIMIT_MS;
  while ((await docker('version')).failed) {
    if (daemon.exitCode !== null || Date.now() > deadline) {
      daemon.kill('SIGKILL');
      const lines = (await readFile(log, 'utf8')).trimEnd().split('\n').slice(-5);
      throw new Error(`Expected dockerd to answer, got:\n${lines.join('\n')}`);
    }
    await setTimeout(200);
  }
  const stop = async () => {
    const { stdout } = await docker('ps', '--all', '--quiet');
    const containers = stdout.split('\n').filter((line) => line !== '');
    if (containers.length > 0) await docker('rm', '--force', '--volumes', ...containers);
    await docker('system', 'prune', '--force', '--volumes');
    daemon.kill('SIGTERM');
    await Promise.race([exited, setTimeout(STOP_LIMIT_MS, undefined, { ref: false })]);
    daemon.kill('SIGKILL');
  };
  // What an earlier one had to leave.
  await docker('container', 'prune', '--force');
  return { address, stop };
}
