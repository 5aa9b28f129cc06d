import { setTimeout } from 'node:timers/promises';
import { rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { finalize } from '../../../demo/launcher/finalize.js';
import { recordExit } from '../../../demo/launcher/record-exit.js';
import { REAPER_NAME } from '../world/create-services.js';
import { advanceOf, gateFiles } from '../world/pipeline.js';
import type { World } from '../world/world.js';
import type { Fault } from './fault.js';
import { readTakenRun } from './read-taken-run.js';
import { withService } from './services.js';
import { killAgent, pickVictim, send } from './victims.js';
import { waitFor } from './wait.js';

/** Longer than the grace, and than a watch that is told to look takes for it. */
const GATE_LIMIT_MS = 20_000;

/** Who comes late, between the look at the row and the claim. */
export const lateWhileDeciding: readonly Fault[] = [
  {
    kind: 'late exit code, between row and probe',
    weight: 3,
    inject: (world, random) =>
      withService(world.probes, random, async ({ service }) => {
        const victim = pickVictim(world, random, 'both', 'south');
        const run = victim && (await readTakenRun(world.admin, victim));
        const runKey = victim && world.facts.queue.runs.get(victim.runId)?.runKey;
        if (!victim || !run || runKey === undefined || runKey === null) return null;
        send(victim.monitor, 'SIGKILL');
        killAgent(world, victim);
        service.signal('SIGSTOP');
        try {
          // An operator's word: one dead observation is enough, so what the probe says decides at once.
          const workflowId = `${REAPER_NAME}/watch/hasty-${victim.runId}`;
          await world.ask((client) =>
            client.workflow.start('watchJob', {
              workflowId,
              taskQueue: REAPER_NAME,
              args: [{ jobId: victim.jobId, runKey, poke: { why: 'reap', park: true } }],
            }),
          );
          const asked = await waitFor(() => hasAskedProbe(world, workflowId), 4_000);
          await recordExit(world.launcher, run, exitCodeOf(world, victim.runId));
          return asked;
        } finally {
          service.signal('SIGCONT');
        }
      }),
  },
  {
    kind: 'late finalizer, while the gate is asked',
    weight: 4,
    async inject(world, random) {
      const { facts, folder } = world;
      const victim = pickVictim(world, random, 'monitor', 'south', ({ runId }) => {
        const life = facts.lives.lives.get(runId);
        return facts.launchers.exited.has(runId) && life?.exitsWithZero === true && life.delivered;
      });
      const run = victim && (await readTakenRun(world.admin, victim));
      const advance = run && advanceOf(run.agent);
      if (!victim || !run || !advance) return null;
      const { hold, asked } = gateFiles(folder, run.jobId);
      await writeFile(hold, '');
      try {
        send(victim.monitor, 'SIGKILL');
        if ((await waitFor(() => existsSync(asked) || null, GATE_LIMIT_MS)) === null) return null;
        await finalize(world.launcher, run, { status: 'done', advance });
        return `job ${victim.jobId}`;
      } finally {
        await rm(hold, { force: true });
        await setTimeout(500);
        await rm(asked, { force: true });
      }
    },
  },
];

async function hasAskedProbe(world: World, workflowId: string): Promise<true | null> {
  const { raw } = await world.ask((client) => client.workflow.getHandle(workflowId).describe());
  return (
    raw.pendingActivities?.some(({ activityType }) => activityType?.name === 'probeRun') === true || null
  );
}

/** As the monitor would have seen it: an agent that got as far as saying so exits with 0. */
export function exitCodeOf({ facts }: World, runId: string): number {
  facts.readLogs();
  return facts.lives.lives.get(runId)?.exitsWithZero === true ? 0 : 137;
}
