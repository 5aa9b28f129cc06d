import { setMaxListeners } from 'node:events';
import type { Fate } from './fates/fate.js';
import { look, play, type Result } from './fates/play.js';
import type { Stage } from './fates/scene.js';
import { HOSTS, type Cast } from './world/cast.js';
import { enqueueFates } from './world/enqueue-fates.js';
import type { Board } from './world/board.js';
import type { DemoProcess } from './world/process.js';
import type { World } from './world/world.js';

/**
 * Lets all fates happen at the same time.
 *
 * The first launcher takes all jobs but those of the far host, which has its own launcher. Both are killed on the way, and
 * only then does the second launcher start: so it alone takes the requeued jobs.
 *
 * @param signal ends all waiting; a fate that has not come true by then has failed
 * @returns how each fate came out, checked again after all were over
 */
export async function perform(
  world: World,
  cast: Cast,
  fates: readonly Fate[],
  signal: AbortSignal,
): Promise<Result[]> {
  const { board } = cast;
  // Each fate waits for it, and Node warns of a leak from the eleventh listener on.
  setMaxListeners(2 * fates.length, signal);
  await board.until(() => board.snapshot.sweeps > 0, signal);
  await enqueueFates(world.admin, fates);
  await board.look();

  const agentsOf = (wanted: 'near' | 'far') =>
    new Set(fates.filter(({ job: { host = 'near' } }) => host === wanted).map(({ job }) => job.agent));
  const far = cast.addLauncher('far launcher', { host: HOSTS.far, agents: [...agentsOf('far')] });
  const first = cast.addLauncher('first launcher', { host: HOSTS.near, agents: [...agentsOf('near')] });

  let second: DemoProcess | undefined;
  const kill = async (launcher: DemoProcess) => {
    await launcher.kill();
    if (first.isRunning() || far.isRunning()) return;
    second ??= cast.addLauncher('second launcher', { host: HOSTS.near });
  };
  const stage: Stage = {
    board,
    admin: world.admin,
    operator: world.operator,
    signal,
    everybodyRuns: () => board.until(() => agentsStarted(board) >= fates.length, signal),
    killFirstLauncher: () => kill(first),
    killFarLauncher: () => kill(far),
  };
  const plays = await Promise.all(fates.map((fate) => play(fate, stage)));
  await board.look();
  return plays.map(look);
}

function agentsStarted({ events }: Board): number {
  return events.filter(({ event }) => event === 'agent started').length;
}
