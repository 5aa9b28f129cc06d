import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { processIdentity } from '../../src/liveness/index.js';
import type { Cleanup } from './cleanup.js';

/** A real process that stands for a working agent. */
export interface Agent {
  pid: number;
  processIdentity: string;
  /** Sends SIGKILL and collects the process: afterwards the pid is absent. */
  kill(): Promise<void>;
}

/** Seconds until an agent ends by itself, in case nothing is left to end it. */
const LIFETIME_S = 900;

/** Starts an agent that does nothing. */
export function startAgent(cleanup: Cleanup): Agent {
  const child = spawn('sleep', [String(LIFETIME_S)], { stdio: 'ignore' });
  const { pid } = child;
  const identity = pid === undefined ? null : processIdentity(pid);
  if (pid === undefined || identity === null) {
    child.kill('SIGKILL');
    throw new Error('Expected a process "sleep" with an identity stamp, got none');
  }
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  cleanup.add(kill);
  return { pid, processIdentity: identity, kill };
}
