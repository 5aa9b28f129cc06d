import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { killControlGroup, makeControlGroup, removeControlGroups } from './control-groups.js';
import { untilDeadline } from './deadline.js';

const PATIENCE_MS = 60_000;

/**
 * Runs a program in namespaces of its own: processes, mounts, networks, ports and the firewall of what it starts are nobody
 * else's, and are gone when it ends, however it ends. It reaches out through a user-mode network. Needs root, unshare and slirp4netns.
 *
 * Its standard input ends when it has to stop, at the latest a minute after the deadline; then it has a minute. `DEPLOY_CHECK_FOLDER` names a temporary folder, and the control
 * group to use is called the same.
 *
 * @param machinesPids whether it stays in this pid namespace, because a node of Kubernetes has to
 * @returns its exit code
 */
export async function runApart(
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  machinesPids = false,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-check-'));
  const pids = machinesPids ? [] : ['--pid', '--mount-proc'];
  const flags = ['--net', '--mount', '--fork', '--kill-child', ...pids];
  const group = makeControlGroup(basename(folder));
  const enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
  // The second shell is process 1 there, and collects what others leave behind.
  const words = ['unshare', ...flags, 'bash', '-c', '"$@"; exit $?', 'bash', program, ...args];
  const inside = spawn('sh', ['-c', enter, group, ...words], {
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...env, DEPLOY_CHECK_FOLDER: folder },
  });
  const ended = once(inside, 'exit') as Promise<[number | null]>;
  const stop = () => void end(inside, ended);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  void untilDeadline(PATIENCE_MS).then(stop);
  let network: ChildProcess | undefined;
  try {
    network = await connect(inside);
    const [code] = await ended;
    return code ?? 1;
  } finally {
    await end(inside, ended);
    network?.kill('SIGKILL');
    await killControlGroup(basename(folder));
    removeControlGroups(basename(folder));
    await rm(folder, { recursive: true, force: true });
  }
}

async function end(inside: ChildProcess, ended: Promise<unknown>): Promise<void> {
  inside.stdin?.end();
  await Promise.race([ended, setTimeout(PATIENCE_MS, undefined, { ref: false })]);
  inside.kill('SIGKILL');
}

/** Gives the namespaces of a process a way out, which ends with this process, too: then the pipe to it is closed. */
async function connect({ pid = NaN }: ChildProcess): Promise<ChildProcess> {
  const network = (of: string) => readlinkSync(`/proc/${of}/ns/net`);
  while (network(String(pid)) === network('self')) await setTimeout(20);
  const flags = ['--configure', '--mtu=65520', '--disable-host-loopback', '--exit-fd=3'];
  const slirp = spawn('slirp4netns', [...flags, String(pid), 'tap0'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  slirp.on('error', () => undefined);
  return slirp;
}
