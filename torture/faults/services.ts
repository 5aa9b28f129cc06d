import type { Tapped } from '../world/create-services.js';
import type { World } from '../world/world.js';
import type { Random } from '../random.js';
import type { Fault } from './fault.js';
import { pickService } from './victims.js';
import { waitBetween } from './wait.js';

type Kind = keyof Pick<World, 'workers' | 'probes' | 'launchers'>;

/** As reports call them. */
export const NAMES: Record<Kind, string> = {
  workers: 'worker',
  probes: 'probe worker',
  launchers: 'launcher',
};

/** What happens to the long-running processes, which an init system starts again. */
export const services: readonly Fault[] = (['workers', 'probes', 'launchers'] as const).flatMap((kind) => [
  {
    kind: `${NAMES[kind]}: SIGKILL, started again`,
    weight: 1.5,
    inject: (world: World, random: Random) =>
      withService(world[kind], random, (tapped) => killAndRestart(tapped, random)),
  },
  {
    kind: `${NAMES[kind]}: SIGSTOP, SIGCONT`,
    weight: 1.5,
    inject: (world: World, random: Random) =>
      withService(world[kind], random, async ({ service }) => {
        service.signal('SIGSTOP');
        await waitBetween(random, 3, 15);
        service.signal('SIGCONT');
      }),
  },
]);

/** SIGKILL, and some time later a new start. */
export async function killAndRestart({ service }: Tapped, random: Random): Promise<void> {
  await service.kill();
  await waitBetween(random, 0.2, 4);
  service.start();
}

/** Does something to a service that no other fault touches meanwhile. */
export async function withService(
  from: readonly Tapped[],
  random: Random,
  work: (tapped: Tapped) => Promise<unknown>,
): Promise<string | null> {
  const tapped = pickService(from, random);
  if (tapped === null) return null;
  tapped.service.busy = true;
  try {
    const done = await work(tapped);
    return done === null ? null : tapped.service.name;
  } finally {
    tapped.service.busy = false;
  }
}
