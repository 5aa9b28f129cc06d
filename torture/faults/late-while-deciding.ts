import { finalize } from '../../demo/launcher/finalize.js';
import { recordExit } from '../../demo/launcher/record-exit.js';
import type { TakenRun } from '../../demo/launcher/taken-run.js';
import type { Random } from '../random.js';
import { REAPER_NAME } from '../world/create-services.js';
import type { World } from '../world/world.js';
import { conclude, exitCodeOf } from './conclude.js';
import type { Fault } from './fault.js';
import { whileGateIsAsked } from './gate-under-way.js';
import { pendingActivity } from './pending-activity.js';
import { readTakenRun } from './read-taken-run.js';
import { withService } from './services.js';
import { killAgent, pickVictim, send } from './victims.js';
import { waitFor } from './wait.js';

/** What comes late, between the look at the row and the claim. */
export const lateWhileDeciding: readonly Fault[] = [
  {
    kind: 'late exit code, between row and probe',
    weight: 6,
    inject: (world, random) =>
      betweenRowAndProbe(world, random, async (run) => {
        await recordExit(world.launcher, run, exitCodeOf(world, run.runId));
        return true;
      }),
  },
  {
    kind: 'late finalizer, between row and probe',
    weight: 6,
    inject: (world, random) => betweenRowAndProbe(world, random, (run) => conclude(world, run, true)),
  },
  {
    kind: 'late finalizer, while the gate is asked',
    weight: 8,
    inject: (world, random) =>
      whileGateIsAsked(world, random, async ({ run, advance }) => {
        await finalize(world.launcher, run, { status: 'done', advance });
        return `job ${run.jobId}`;
      }),
  },
];

/**
 * The run's processes are killed, and the probe of their host is stopped: when a watch has read the row and asks it, this
 * happens.
 *
 * @param work returns false when the run was over by then
 */
function betweenRowAndProbe(
  world: World,
  random: Random,
  work: (run: TakenRun) => Promise<boolean>,
): Promise<string | null> {
  return withService(world.probes, random, async ({ service }) => {
    const victim = pickVictim(world, random, 'both', 'south');
    const run = victim && (await readTakenRun(world.admin, victim));
    const runKey = victim && world.facts.queue.runs.get(victim.runId)?.runKey;
    if (!victim || !run || runKey === undefined || runKey === null) return null;
    send(victim.monitor, 'SIGKILL');
    killAgent(world, victim);
    service.signal('SIGSTOP');
    try {
      // On an operator's request one dead observation is enough, so the probe's answer decides at once.
      const workflowId = `${REAPER_NAME}/watch/hasty-${victim.runId}`;
      await world.ask((client) =>
        client.workflow.start('watchJob', {
          workflowId,
          taskQueue: REAPER_NAME,
          args: [{ jobId: victim.jobId, runKey, poke: { why: 'reap', park: true } }],
        }),
      );
      const asked = await waitFor(() => pendingActivity(world, workflowId, 'probeRun'), 4_000);
      const wasInTime = await work(run);
      return asked !== null && wasInTime ? true : null;
    } finally {
      service.signal('SIGCONT');
    }
  });
}
