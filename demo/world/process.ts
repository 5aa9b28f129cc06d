import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/** A process of the demo whose output goes to a file. */
export interface DemoProcess {
  name: string;
  pid: number;
  logFile: string;
  /** Resolves when it has ended, for whatever reason. */
  exited: Promise<void>;
  isRunning(): boolean;
  /** Sends SIGKILL: it gets no chance to do anything. */
  kill(): Promise<void>;
  /** Sends SIGTERM, and some seconds later SIGKILL. */
  stop(): Promise<void>;
}

/** Longer than the worker takes to stop. */
const STOP_LIMIT_MS = 25_000;

/** Starts a Node script. Ctrl-C in the terminal does not reach it: the demo ends its processes in order. */
export function startProcess(
  name: string,
  argv: readonly string[],
  { folder, env }: { folder: string; env: NodeJS.ProcessEnv },
): DemoProcess {
  const logFile = join(folder, `${name.replaceAll(' ', '-')}.log`);
  // A file, not a pipe: its writers may outlive the reader.
  const output = openSync(logFile, 'a');
  const child = spawn(process.execPath, argv, { stdio: ['ignore', output, output], env, detached: true });
  closeSync(output);
  const { pid } = child;
  if (pid === undefined)
    throw new Error(
      `Expected the ${name} to start, got no process: check that this machine can start more processes`,
    );
  const exited = once(child, 'close').then(() => undefined);
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  return {
    name,
    pid,
    logFile,
    exited,
    isRunning,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async stop() {
      child.kill('SIGTERM');
      const inTime = new AbortController();
      const limit = setTimeout(STOP_LIMIT_MS, undefined, inTime).catch(() => undefined);
      await Promise.race([exited, limit]);
      inTime.abort();
      child.kill('SIGKILL');
      await exited;
    },
  };
}
