import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../domain/trouble.js';
import { untilAborted } from './aborted.js';
import { hasLiveMember } from './group-members.js';
import type { OutputTail } from './output-tail.js';
import { isOutOfResources, notAsked } from './not-asked.js';

/** What {@link runInGroup} starts. */
export interface GroupCommand {
  file: string;
  args: readonly string[];
  /** Defaults to our own working folder. */
  cwd?: string | undefined;
  /** The whole environment; nothing is inherited. */
  env: Record<string, string>;
  /** May be the same for both. */
  stdout: OutputTail;
  stderr: OutputTail;
  signal: AbortSignal;
}

/** How the process ended; exactly one of the two is set. */
export interface ProcessEnd {
  exitCode: number | null;
  endedBy: NodeJS.Signals | null;
}

/** Milliseconds from SIGTERM to SIGKILL. */
const TERM_GRACE_MS = 2000;
/** Milliseconds until killed processes are considered gone; only one that hangs in the kernel takes that long. */
const KILL_GRACE_MS = 1000;
const POLL_MS = 20;

const HAS_GROUPS = process.platform !== 'win32';

/**
 * Runs a process without a shell and without input, in a separate process group, and returns when the whole group is
 * gone. The signal ends the group. When the process exits, anything that it left running is ended too. Only a process
 * that left the group (`setsid`) escapes.
 *
 * @throws the signal's reason; GateNotAsked when this machine lacked the resources for a process; or an Error that says
 *   why it could not be started
 */
export async function runInGroup(command: GroupCommand): Promise<ProcessEnd> {
  command.signal.throwIfAborted();
  const child = start(command);
  // If this process is out of file descriptors, there are no pipes.
  const streams = [child.stdout, child.stderr];
  streams[0]?.on('data', (chunk: Buffer) => command.stdout.push(chunk));
  streams[1]?.on('data', (chunk: Buffer) => command.stderr.push(chunk));
  const closed = new Promise((resolve) => child.once('close', resolve));
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const { pid } = child;
  if (pid === undefined) throw notStarted(command.file, await exited.catch((error: unknown) => error));
  endWithUs(pid);
  try {
    const [exitCode, endedBy] = await untilAborted(exited, command.signal);
    return { exitCode, endedBy };
  } finally {
    await endGroup(pid);
    running.delete(pid);
    // A process that escaped may hold the pipes open.
    await Promise.race([closed, sleep(KILL_GRACE_MS, undefined, { ref: false })]);
    for (const stream of streams) stream?.destroy();
  }
}

function start({ file, args, cwd, env }: GroupCommand): ChildProcess {
  try {
    const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
    return spawn(file, args, { cwd, env, detached: HAS_GROUPS, stdio, windowsHide: true });
  } catch (error) {
    // Some errors are thrown, others arrive as an event.
    throw notStarted(file, error);
  }
}

function notStarted(file: string, cause: unknown): Error {
  if (isOutOfResources(cause)) return notAsked(`expected ${file} to start, got`, cause);
  return new Error(
    `expected ${file} to start, got: ${messageOf(cause)}; check that it is on the PATH and that its working folder exists`,
    { cause },
  );
}

async function endGroup(pid: number): Promise<void> {
  if (!isThere(pid) || !signalGroup(pid, 'SIGTERM') || (await isGone(pid, TERM_GRACE_MS))) return;
  signalGroup(pid, 'SIGKILL');
  await isGone(pid, KILL_GRACE_MS);
}

async function isGone(pid: number, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (isThere(pid)) {
    if (performance.now() >= deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

function isThere(pid: number): boolean {
  return signalGroup(pid, 0) && (hasLiveMember(pid) ?? true);
}

/** False if the group has no process that we may signal. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(HAS_GROUPS ? -pid : pid, signal);
  } catch {
    return false;
  }
}

const running = new Set<number>();
let hooked = false;

/** A Ctrl-C that ends us does not reach children in another group, so our exit must end them. */
function endWithUs(pid: number): void {
  running.add(pid);
  if (hooked) return;
  hooked = true;
  process.once('exit', () => running.forEach((leader) => signalGroup(leader, 'SIGKILL')));
}

/** Where gates look for programs: the one thing of our environment that their processes get. */
export function searchPath(): string {
  return process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
}
