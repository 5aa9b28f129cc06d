import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { processIdentity } from '../../src/liveness/index.js';

/** A real process that a test starts, and ends by its pid. */
export interface TestProcess {
  pid: number;
  processIdentity: string;
  /** Kills and collects it: afterwards the pid is absent. */
  kill(): Promise<void>;
}

const started: TestProcess[] = [];

/** A process that does nothing for an hour, to stand for an agent at work. */
export function startProcess(): TestProcess {
  const child: ChildProcess = spawn('sleep', ['3600'], { stdio: 'ignore' });
  const { pid } = child;
  if (pid === undefined) throw new Error('Expected sleep to start, got no pid');
  const identity = processIdentity(pid);
  if (identity === null) throw new Error(`Expected an identity of pid ${pid}, got none`);
  const test: TestProcess = {
    pid,
    processIdentity: identity,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
  started.push(test);
  return test;
}

/** For afterEach. */
export async function endProcesses(): Promise<void> {
  await Promise.all(started.splice(0).map((process) => process.kill()));
}
