import { isAlive } from '../../demo/world/kill-process.js';
import type { StartedProcess } from '../facts/launcher-facts.js';
import type { Random } from '../random.js';
import type { HOSTS, Tapped } from '../world/create-services.js';
import type { World } from '../world/world.js';

/** A run whose agent or monitor can be hit. */
export interface Victim {
  jobId: string;
  runId: string;
  /** Null while the database has not told of the run yet. */
  host: string | null;
  agent: StartedProcess | null;
  monitor: StartedProcess | null;
}

/** Runs that have not ended, with those of their processes that are alive. */
export function openRuns({ facts }: World): Victim[] {
  facts.readLogs();
  const { launchers, queue } = facts;
  const alive = (process: StartedProcess | undefined) =>
    process !== undefined && isAlive(process) ? process : null;
  // The newest runs are last, and few of all are open.
  return [...launchers.monitors.values()].slice(-200).flatMap(({ jobId, runId }) => {
    if ((queue.runs.get(runId)?.ends.length ?? 0) > 0) return [];
    const agent = alive(launchers.agents.get(runId));
    const monitor = alive(launchers.monitors.get(runId));
    const host = queue.runs.get(runId)?.host ?? null;
    return agent === null && monitor === null ? [] : [{ jobId, runId, host, agent, monitor }];
  });
}

/** A run with a live agent, a live monitor, or both. */
export function pickVictim(
  world: World,
  random: Random,
  needs: 'agent' | 'monitor' | 'both',
  host?: keyof typeof HOSTS,
  isWanted: (victim: Victim) => boolean = () => true,
): Victim | null {
  const fits = openRuns(world).filter(
    (victim) =>
      (needs === 'monitor' || victim.agent !== null) &&
      (needs === 'agent' || victim.monitor !== null) &&
      (host === undefined || victim.host === host) &&
      isWanted(victim),
  );
  return random.pick(fits) ?? null;
}

/** SIGKILL to an agent. Records that it was alive until now, because a stopped one cannot say so itself. */
export function killAgent({ facts }: World, { agent, runId }: Victim): void {
  if (agent === null || !isAlive(agent)) return;
  facts.lives.sawAlive(runId, Date.now());
  send(agent, 'SIGKILL');
}

/** Sends a signal, unless the process is gone. */
export function send(process_: StartedProcess | null, signal: NodeJS.Signals): void {
  if (process_ === null || !isAlive(process_)) return;
  try {
    process.kill(process_.pid, signal);
  } catch {
    // It ended in between.
  }
}

/** A service that is running and that no other fault is using. */
export function pickService(services: readonly Tapped[], random: Random): Tapped | null {
  return random.pick(services.filter(({ service }) => service.isRunning && !service.busy)) ?? null;
}
