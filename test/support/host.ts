import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { eventually } from './wait.js';

const INSIDE = fileURLToPath(new URL('host-inside.mjs', import.meta.url));
/** The shell is the host's process 1: it collects orphans, and the whole host ends with it. */
const PROCESS_1 = 'exec 3<&0; "$0" "$@" <&3 & wait $!';
const BOOT = ['--net', '--pid', '--mount-proc', '--fork', '--kill-child', 'sh', '-c', PROCESS_1];

/** Whether this machine can simulate hosts: Linux, with unshare and nsenter, and permission to use them. */
export function canMakeHosts(): boolean {
  return (
    process.platform === 'linux' &&
    spawnSync('nsenter', ['--version']).status === 0 &&
    spawnSync('unshare', [...BOOT, process.execPath, INSIDE], { input: '' }).status === 0
  );
}

/**
 * One host of a fleet, on this machine, with its own pid, network and mount namespaces. Its processes cannot see those of other
 * hosts, and reach servers on this machine's loopback through the given ways, at the same ports.
 */
export class Host {
  readonly #boot: ChildProcessByStdio<Writable, Readable, null>;
  readonly #folder: string;
  readonly #ways: Server[];
  /** Its process 1, by this machine's pids. */
  readonly #init: number;

  private constructor(
    boot: ChildProcessByStdio<Writable, Readable, null>,
    folder: string,
    ways: Server[],
    init: number,
  ) {
    this.#boot = boot;
    this.#folder = folder;
    this.#ways = ways;
    this.#init = init;
  }

  /** Boots a host from which these ports of 127.0.0.1 can be reached. */
  static async boot(ports: readonly number[]): Promise<Host> {
    const folder = await mkdtemp(join(tmpdir(), 'job-reaper-host-'));
    const sockets = ports.map((port) => ({ port, socket: join(folder, String(port)) }));
    const ways = await Promise.all(sockets.map(({ port, socket }) => openWay(port, socket)));
    const boot = spawn('unshare', [...BOOT, process.execPath, INSIDE, JSON.stringify(sockets)], {
      // It complains about signals that it does not need.
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    await Promise.race([once(boot.stdout, 'data'), once(boot, 'exit').then(() => failed())]);
    const init = await eventually('the host’s process 1', () => childOf(boot.pid ?? 0));
    return new Host(boot, folder, ways, init);
  }

  /** The command prefix that runs a command on this host. */
  get entrance(): string[] {
    return ['nsenter', '--target', String(this.#init), '--net', '--pid', '--mount', '--'];
  }

  /** Runs a shell command on this host to its end. Returns what it printed. */
  run(script: string): string {
    const words = [...this.entrance, 'sh', '-c', script];
    const { status, stdout, stderr } = spawnSync(words[0] ?? '', words.slice(1), { encoding: 'utf8' });
    if (status !== 0)
      throw new Error(`Expected "${script}" to succeed on the host, got ${status}: ${stderr}`);
    return stdout.trim();
  }

  /** Switches it off: all its processes are gone. */
  async stop(): Promise<void> {
    if (this.#boot.exitCode === null && this.#boot.signalCode === null) {
      const off = once(this.#boot, 'exit');
      process.kill(this.#init, 'SIGKILL');
      await off;
    }
    for (const way of this.#ways) way.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The first child of a process, such as what nsenter runs, by this machine's pids; null while there is none. */
export function childOf(pid: number): number | null {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return children === '' ? null : Number(children.split(' ')[0]);
  } catch {
    return null;
  }
}

function failed(): never {
  throw new Error('Expected a host to boot, but it ended');
}

async function openWay(port: number, socket: string): Promise<Server> {
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
  });
  server.listen(socket);
  await once(server, 'listening');
  return server;
}
