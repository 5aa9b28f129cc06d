import type { Random } from '../random.js';
import type { Tapped } from '../world/create-services.js';
import type { Silence, Way } from '../world/way.js';
import type { Fault } from './fault.js';
import { waitFor } from './wait.js';

/** Milliseconds after which a silent connection is broken, if its process has not given it up: a network notices in the end. */
const SILENT_MS = 75_000;

const SILENCES: readonly Silence[] = ['both ways', 'towards the server', 'from the server'];

/** Connections that go silent without any sign of an end, while new ones work. */
export const silences: readonly Fault[] = [
  ...SILENCES.map((silence): Fault => ({
    kind: `connections to Postgres: silent ${silence}, new ones work`,
    weight: 1.5,
    lastsS: 15,
    inject: ({ workers, probes, launchers }, random) =>
      fallSilent([...workers, ...probes, ...launchers], random, ({ proxy }) => proxy.way, silence),
  })),
  {
    kind: 'connections to Temporal: silent both ways, new ones work',
    weight: 1,
    lastsS: 45,
    inject: ({ workers, probes }, random) =>
      fallSilent([...workers, ...probes], random, ({ toTemporal }) => toTemporal, 'both ways'),
  },
];

async function fallSilent(
  from: readonly Tapped[],
  random: Random,
  wayOf: (tapped: Tapped) => Way,
  silence: Silence,
): Promise<string | null> {
  const tapped = random.pick(from.filter(({ service }) => service.isRunning));
  const silent = tapped && wayOf(tapped).silence(silence);
  if (!tapped || !silent) return null;
  await waitFor(() => silent.areGivenUp() || null, SILENT_MS);
  silent.end();
  return `${silent.count} connections of ${tapped.service.name}`;
}
