import { probeProcess } from '../../src/liveness/index.js';

/** A process that is not our child: its identity stamp tells whether the pid is still its own. */
export interface KnownProcess {
  pid: number;
  processIdentity: string | null;
}

/** Whether it is running. */
export function isAlive({ pid, processIdentity }: KnownProcess): boolean {
  return probeProcess({ pid, processIdentity }, { sharedPidNamespace: true }).state === 'alive';
}

/** Sends SIGKILL to the process itself, unless it is already gone. */
export function killProcess(known: KnownProcess): void {
  if (isAlive(known)) process.kill(known.pid, 'SIGKILL');
}
