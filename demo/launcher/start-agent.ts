import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { processIdentity } from '../../src/liveness/index.js';
import type { Command } from './agent-command.js';

/** An agent's process. */
export interface Agent {
  pid: number;
  /** Null if the platform has no identity stamps. */
  processIdentity: string | null;
  /** How it ended. As in a shell, 128 plus the signal's number if it was killed. */
  exitCode: Promise<number>;
  /** Kills it and everything it started. */
  kill(): void;
}

/** A shell's exit code for a program that cannot be started. */
export const NOT_STARTED = 127;

/**
 * Starts an agent in a separate process group: the death of its monitor, or a Ctrl-C there, does not end it.
 *
 * @returns null if it cannot be started
 */
export function startAgent({ file, args, env }: Command): Agent | null {
  const child = spawn(file, args, { env, stdio: 'ignore', detached: true });
  // A program that could not be started has no pid, and also emits this event.
  child.on('error', () => undefined);
  const exitCode = new Promise<number>((resolve) => {
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
  const { pid } = child;
  if (pid === undefined) return null;
  return {
    pid,
    // Read immediately, before the child is collected: until then, no other process can get its pid.
    processIdentity: processIdentity(pid),
    exitCode,
    kill() {
      // No other process gets its pid until this process has collected it, and then it has an exit code or a signal.
      if (child.exitCode === null && child.signalCode === null) process.kill(-pid, 'SIGKILL');
    },
  };
}
