import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { reasonOf, withProgress, type ServerLog } from './progress.js';
import { startWatchdog } from './watchdog.js';

/** How a server's process ended. */
export interface ServerExit {
  /** Undefined if a signal ended it. */
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

/** What {@link startServerProcess} runs. */
export interface ServerCommand {
  /** What errors call it: "the Temporal dev server". */
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment of the server; nothing is inherited. */
  readonly env: NodeJS.ProcessEnv;
  /** The file to which stdout and stderr are appended. */
  readonly logFile: string;
  /** The server's own folder, which is removed when the server is stopped. */
  readonly folder: string;
  /** The signal that stops the server, without the `SIG`. */
  readonly stopSignal: 'INT' | 'TERM';
  /** The signal that ends the server after this process has died, when nobody waits for a clean shutdown. */
  readonly orphanSignal: 'QUIT' | 'TERM';
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}

/** A server that runs as our child process. */
export interface ServerProcess {
  readonly pid: number;
  /** Resolves when the process has ended, for whatever reason; never rejects. */
  readonly exited: Promise<ServerExit>;
  /** Ends the process and removes its folder. A second call waits for the first. */
  stop(): Promise<void>;
  /**
   * Resolves once `probe` no longer throws.
   *
   * @param timeoutS how many seconds to keep trying
   * @throws when the process ends first or the time is over; the process is stopped in that case
   */
  ready(log: ServerLog, timeoutS: number, probe: () => Promise<unknown>): Promise<void>;
}

const STOP_WAIT_MS = 10_000;
const PROBE_EVERY_MS = 50;
const OUTPUT_SHOWN = 2000;

/**
 * Starts a server in its own process group. So a Ctrl-C in the terminal reaches only us, and we can stop the servers after
 * everything that uses them.
 *
 * @throws when the file cannot be executed; the folder is removed in that case
 */
export async function startServerProcess(command: ServerCommand): Promise<ServerProcess> {
  const { name, folder, logFile } = command;
  const output = openSync(logFile, 'a');
  // Directly to the file: with a pipe to us, a busy event loop here would eventually block the server.
  const child = spawn(command.file, command.args, {
    env: command.env,
    stdio: ['ignore', output, output],
    detached: process.platform !== 'win32',
    ...command.user,
  });
  closeSync(output);
  const { pid } = child;
  if (pid === undefined) {
    const [failure] = (await once(child, 'error')) as [Error];
    await remove(folder);
    throw new Error(`Expected ${name} to start, got: ${reasonOf(failure)}.`);
  }
  child.on('error', () => undefined);
  const watchdog = startWatchdog(command.orphanSignal, pid, folder);
  const exited = new Promise<ServerExit>((resolve) => {
    child.once('exit', (code, signal) => {
      watchdog.serverGone();
      resolve({ code: code ?? undefined, signal: signal ?? undefined });
    });
  });

  const end = async (): Promise<void> => {
    child.kill(`SIG${command.stopSignal}`);
    const ended = await Promise.race([exited, sleep(STOP_WAIT_MS, undefined, { ref: false })]);
    if (!ended) child.kill('SIGKILL');
    await exited;
    await remove(folder);
    watchdog.dismiss();
  };
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= end());

  const ready: ServerProcess['ready'] = async (log, timeoutS, probe) => {
    let exit: ServerExit | undefined;
    void exited.then((seen) => (exit = seen));
    const deadline = performance.now() + timeoutS * 1000;
    let last: unknown;
    const attempt = async (): Promise<boolean> => {
      try {
        await probe();
        return true;
      } catch (error) {
        last = error;
        return false;
      }
    };
    const poll = async () => {
      // Notice the end of the process immediately, even while another server on its port keeps the probe waiting.
      while (!(await Promise.race([attempt(), exited.then(() => false)]))) {
        if (exit) throw new Error(`its process ended (${describeExit(exit)})`);
        if (performance.now() > deadline) throw new Error(reasonOf(last));
        await sleep(PROBE_EVERY_MS);
      }
    };
    try {
      await withProgress(log, `waiting for ${name} to answer`, poll);
    } catch (error) {
      const written = (await readFile(logFile, 'utf8').catch(() => '')).slice(-OUTPUT_SHOWN).trim();
      await stop();
      const tail = written === '' ? 'It wrote nothing.' : `The end of its output:\n${written}`;
      throw new Error(`Expected ${name} to answer within ${timeoutS} s, got: ${reasonOf(error)}. ${tail}`, {
        cause: error,
      });
    }
  };
  return { pid, exited, stop, ready };
}

function describeExit({ code, signal }: ServerExit): string {
  return signal === undefined ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`;
}

/** Retries, because the last file handles of a server may outlive it for a moment. */
async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
