import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { processIdentity } from '../../src/liveness/index.js';
import { report } from './report.js';
import type { TakenRun } from './taken-run.js';

const MONITOR = fileURLToPath(new URL('../monitor.js', import.meta.url));

/** Starts the monitor of a run: a separate process, which outlives the launcher and shares its log. */
export function startMonitor(run: TakenRun): ChildProcess {
  const monitor = spawn(process.execPath, [MONITOR, JSON.stringify(run)], {
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const { jobId, runId, attempt } = run;
  // Then the row stays running without a pid, until the reaper's backstop ends the run.
  monitor.on('error', (error) => report({ event: 'trouble', what: 'start a monitor', error: String(error) }));
  if (monitor.pid !== undefined) {
    const monitorIdentity = processIdentity(monitor.pid);
    report({ event: 'took', jobId, runId, attempt, monitorPid: monitor.pid, monitorIdentity });
  }
  return monitor;
}
