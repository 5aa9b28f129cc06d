import { jobReaper } from '../../src/workflows/index.js';
import type { Random } from '../random.js';
import { REAPER_NAME } from '../world/create-services.js';
import type { World } from '../world/world.js';
import type { Fault } from './fault.js';
import { killAgent, openRuns, send } from './victims.js';
import { waitFor } from './wait.js';

/** Jobs that are queued in addition, so that more die than there are places. */
const MORE_JOBS = 16;
const WANTED_AT_ONCE = 26;
/** Milliseconds that agents have to start. */
const STARTS_MS = 20_000;
/** Sweeps after which the reaper is to continue as new: in the middle of what it has to do. */
const SWEEPS = 2;

/** Seconds that a burst and its repair take. */
export const BURST_S = 30;

/** Many deaths in one moment, on all hosts. */
export const bursts: readonly Fault[] = [
  {
    kind: 'all agents and monitors of both hosts: SIGKILL at once',
    weight: 0.5,
    group: 'burst',
    lastsS: BURST_S,
    inject: burst,
  },
  {
    kind: 'all agents and monitors of both hosts: SIGKILL at once, while the reaper continues as new every other sweep',
    weight: 0.7,
    group: 'burst',
    lastsS: BURST_S,
    async inject(world, random) {
      await continueOften(world, SWEEPS);
      return burst(world, random);
    },
  },
];

export async function burst(world: World, random: Random): Promise<string | null> {
  const { admin } = world;
  const ids = Array.from({ length: MORE_JOBS }, (_, n) => `passing-${Math.floor(random.next() * 1e9)}-${n}`);
  await admin.query(
    `insert into public.jobs (id, agent, repo, max_attempts) select unnest($1::text[]), 'errand', 'web', 1`,
    [ids],
  );
  const victims = () => openRuns(world).filter(({ agent }) => agent !== null);
  await waitFor(() => (victims().length >= WANTED_AT_ONCE ? true : null), STARTS_MS);
  const hit = victims();
  for (const victim of hit) {
    send(victim.monitor, 'SIGKILL');
    killAgent(world, victim);
  }
  return hit.length === 0 ? null : `${hit.length} runs`;
}

/** Makes the reaper continue as new again and again, until it is terminated. */
export async function continueOften(world: World, everySweeps: number): Promise<void> {
  await world.ask(async (client) => {
    await client.workflow.getHandle(REAPER_NAME).terminate('torture');
    await client.workflow.start(jobReaper, {
      workflowId: REAPER_NAME,
      taskQueue: REAPER_NAME,
      args: [{ continueAfterSweeps: everySweeps }],
      // A worker may have been faster: then it continues as usual.
      workflowIdConflictPolicy: 'USE_EXISTING',
    });
  });
}
