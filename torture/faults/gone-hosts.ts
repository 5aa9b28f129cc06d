import { setTimeout } from 'node:timers/promises';
import type { Random } from '../random.js';
import { HOSTS } from '../world/create-services.js';
import type { World } from '../world/world.js';
import type { Fault } from './fault.js';
import { withService } from './services.js';
import { undo } from './undo.js';
import { waitBetween, waitFor } from './wait.js';

/** Milliseconds within which a declaration is taken: it is refused while the probe has just answered. */
const DECLARED_MS = 40_000;
/** Seconds for which the host stays away then. */
const GONE_S = { least: 0, most: 15 };
/** Milliseconds within which the probe answers once it is back. */
const BACK_MS = 60_000;

/** A mistaken operator: the host is not gone. */
export const goneHosts: readonly Fault[] = [
  {
    kind: 'host declared gone while its probe is away, and back',
    weight: 1,
    group: 'gone host',
    lastsS: 60,
    inject: (world, random) =>
      withService(world.probes, random, async ({ service }) => {
        const isKilled = random.chance(0.5);
        if (isKilled) await service.kill();
        else service.signal('SIGSTOP');
        try {
          if ((await declare(world)) === null) return null;
          await waitBetween(random, GONE_S.least, GONE_S.most);
        } finally {
          if (isKilled) service.start();
          else service.signal('SIGCONT');
        }
        await waitFor(() => hasAnswered(world, HOSTS.south).catch(() => null), BACK_MS);
        await disturb(world, random);
        await undo(() => world.operator.activate());
        return HOSTS.south;
      }),
  },
];

function declare(world: World): Promise<true | null> {
  return waitFor(async () => {
    try {
      await world.operator.declareGone(HOSTS.south);
      return true;
    } catch {
      await setTimeout(1_000);
      return null; // refused, or Postgres is away
    }
  }, DECLARED_MS);
}

/** Whether the probe of a host that was declared gone has answered since. */
export async function hasAnswered({ admin }: World, host: string): Promise<true | null> {
  const { rowCount } = await admin.query(
    'select from reaper.gone_host g where g.host = $1 and reaper.host_answered_at(g.host) > g.declared_at',
    [host],
  );
  return rowCount === 1 ? true : null;
}

/** The probe is away once more, for a moment: nothing follows from that now. */
async function disturb({ probes }: World, random: Random): Promise<void> {
  const service = probes[0]?.service;
  service?.signal('SIGSTOP');
  await waitBetween(random, 5, 12);
  service?.signal('SIGCONT');
}
