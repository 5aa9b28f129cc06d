import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { packageRoot } from '../../src/paths.js';
import type { Cleanup } from './cleanup.js';

/** The built worker, as a separate process. */
export interface WorkerProcess {
  /** Throws an error with the last lines of its log if it has ended. */
  assertRunning(): void;
  /** Sends SIGTERM, and some seconds later SIGKILL. May be called again. */
  stop(): Promise<void>;
}

const KEPT_LINES = 10;
/** Milliseconds: longer than the worker takes to stop. */
const STOP_LIMIT_MS = 25_000;

/** Starts `job-reaper worker` in exactly this environment. */
export function startWorker(env: NodeJS.ProcessEnv, cleanup: Cleanup): WorkerProcess {
  const script = join(packageRoot, 'dist', 'src', 'cli.js');
  const child = spawn(process.execPath, [script, 'worker'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'close');
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => {
      lines.push(line);
      lines.splice(0, lines.length - KEPT_LINES);
    });
  }
  const stop = async () => {
    child.kill('SIGTERM');
    const inTime = new AbortController();
    const limit = setTimeout(STOP_LIMIT_MS, undefined, inTime).catch(() => undefined);
    await Promise.race([exited, limit]);
    inTime.abort();
    child.kill('SIGKILL');
    await exited;
  };
  cleanup.add(stop);
  return {
    stop,
    assertRunning() {
      if (isRunning()) return;
      throw new Error(
        `Expected the worker to be running, but it has ended. Its last lines:\n${lines.join('\n')}`,
      );
    },
  };
}
