import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { packageRoot } from '../../src/paths.js';
import type { Cleanup } from './cleanup.js';

/** The built worker, as a process of its own. */
export interface WorkerProcess {
  /** Throws, with the last lines of its log, when it is no longer there. */
  assertRunning(): void;
  /** SIGTERM, and after some seconds SIGKILL. May be called again. */
  stop(): Promise<void>;
}

const KEPT_LINES = 10;
/** Milliseconds: longer than the worker takes to let go of what it does. */
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
      throw new Error(`Expected the worker to run, got its end. Its last lines:\n${lines.join('\n')}`);
    },
  };
}
