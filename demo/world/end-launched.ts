import { killProcess } from './kill-process.js';
import { readLauncherLog } from './launcher-log.js';

/** Ends what launchers started, each process by its pid: first the monitors, then the agents. */
export function endLaunched(logFiles: readonly string[]): void {
  const events = () => logFiles.flatMap(readLauncherLog);
  for (const event of events()) {
    if (event.event !== 'took') continue;
    killProcess({ pid: event.monitorPid, processIdentity: event.monitorIdentity });
  }
  // Read again: a monitor may have started its agent meanwhile.
  for (const event of events()) if (event.event === 'agent started') killProcess(event);
}
