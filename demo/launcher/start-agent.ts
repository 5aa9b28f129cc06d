import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { processIdentity } from '../../src/liveness/index.js';
import type { Command } from './agent-command.js';

/** An agent's process. */
export interface Agent {
  pid: number;
  /** Null where the platform cannot tell. */
  processIdentity: string | null;
  /** How it ended; as in a shell, 128 and the signal's number for one that was killed. */
  exitCode: Promise<number>;
  /** Ends it and what it started. */
  kill(): void;
}

/** As a shell says it of a program that cannot be started. */
export const NOT_STARTED = 127;

/**
 * Starts an agent, in a process group of its own: the death of its monitor, or a Ctrl-C there, does not end it.
 *
 * @returns null when it cannot be started
 */
export function startAgent({ file, args, env }: Command): Agent | null {
  const child = spawn(file, args, { env, stdio: 'ignore', detached: true });
  // What could not be started has no pid, and says so here too.
  child.on('error', () => undefined);
  const exitCode = new Promise<number>((resolve) => {
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
  const { pid } = child;
  if (pid === undefined) return null;
  return {
    pid,
    // At once, while nobody has waited for the child: until then no other process can get its pid.
    processIdentity: processIdentity(pid),
    exitCode,
    kill() {
      // Its pid stays its own until this process has collected it, and then it has an exit code or a signal.
      if (child.exitCode === null && child.signalCode === null) process.kill(-pid, 'SIGKILL');
    },
  };
}
