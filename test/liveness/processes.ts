import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { afterEach, vi } from 'vitest';

// Real processes take their time on a busy machine; nothing here depends on how long.
vi.setConfig({ testTimeout: 60_000 });

export const isLinux = process.platform === 'linux' && existsSync('/proc/self/stat');
export const isRoot = process.getuid?.() === 0;

/** Far above any limit a kernel allows for pids. */
export const PID_NOBODY_HAS = 2 ** 31 - 1;

const started = new Set<ChildProcess>();
const grandchildren = new Set<number>();

afterEach(async () => {
  // Before their parents: as long as those do not collect them, these pids are nobody else's.
  for (const pid of grandchildren) killIfThere(pid);
  grandchildren.clear();
  const children = [...started];
  started.clear();
  for (const child of children) await end(child);
});

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Its parent died early and it has been collected: nothing is left to end.
  }
}

/** Starts a process that is ended after the test, whatever becomes of the test. */
export function start(command: string, args: string[]): { child: ChildProcess; pid: number } {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  started.add(child);
  if (child.pid === undefined) throw new Error(`${command} could not be started`);
  return { child, pid: child.pid };
}

/** Has a descendant that can outlive its parents ended after the test. */
export function endAfterwards(pid: number): void {
  grandchildren.add(pid);
}

export function startSleep(): { child: ChildProcess; pid: number } {
  return start('sleep', ['300']);
}

/** Ends a process and collects it, so that its pid is free. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** The first line a process writes, for those that say when they are ready. */
export async function firstLine({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error('the process has no stdout');
  let text = '';
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  return text.split('\n', 1)[0] ?? '';
}

/** A process that has exited while its parent lives on and never waits for it. */
export async function startZombie(): Promise<number> {
  // The parent shell becomes `sleep`, which knows nothing of the child that it has inherited. Only then may the
  // child end: the shell itself would collect it.
  const { child, pid: parent } = start('sh', ['-c', 'sleep 300 & echo $!; exec sleep 300']);
  const pid = Number(await firstLine(child));
  grandchildren.add(pid);
  await until(() => psField('comm', parent) === 'sleep');
  process.kill(pid, 'SIGKILL');
  await until(() => psField('stat', pid).startsWith('Z'));
  return pid;
}

/** Waits for something that is certain to come: a test that never sees it times out. */
export async function until<T>(look: () => T): Promise<T> {
  for (;;) {
    const seen = look();
    if (seen) return seen;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function psField(field: 'stat' | 'comm', pid: number): string {
  return spawnSync('ps', ['-o', `${field}=`, '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
}

/** Whether a command can be run here, with the arguments that a test needs. */
export function works(command: string, args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
