import { setTimeout } from 'node:timers/promises';
import type { Fault } from './fault.js';
import { whileGateIsAsked } from './gate-under-way.js';
import { pendingActivity, watchIdOf } from './pending-activity.js';
import { NAMES, withService } from './services.js';
import { waitBetween, waitFor } from './wait.js';

/** Seconds of a stop after which Temporal has missed the heartbeat of a gate, and has it asked elsewhere. */
const STOPPED_S = { least: 25, most: 35 };

/** Milliseconds that it is stopped for longer when Temporal gives the next attempt to the stopped worker, too. */
const LOST_MS = 25_000;

/** Seconds of a stop after which every limit is over: that of an activity, a statement, a transaction, a lease of Temporal's. */
const ALL_LIMITS_S = { least: 65, most: 85 };

/**
 * A worker is stopped for so long that its work in progress is retried elsewhere, and comes back to it. It counts as a fault until
 * the worker continues: then the time for repairs begins.
 */
export const longStops: readonly Fault[] = [
  {
    kind: 'worker: SIGSTOP past the heartbeat of the gate it asks, SIGCONT',
    weight: 6,
    // With both workers stopped there is no elsewhere.
    group: 'long stop',
    lastsS: 20,
    inject: (world, random) =>
      whileGateIsAsked(world, random, async ({ victim, run, release }) => {
        const watchId = watchIdOf(world, victim);
        const first = watchId && (await pendingActivity(world, watchId, 'judgeExitZero'));
        const asker = world.workers.find(({ service }) => first && service.name === first.by)?.service;
        if (!watchId || asker === undefined || asker.busy) return null;
        asker.busy = true;
        try {
          asker.signal('SIGSTOP');
          await waitBetween(random, STOPPED_S.least, STOPPED_S.most);
          const isElsewhere = await waitFor(async () => {
            const again = await pendingActivity(world, watchId, 'judgeExitZero');
            return (again?.by !== undefined && again.by !== null && again.by !== asker.name) || null;
          }, LOST_MS);
          // It comes back while the other attempt is at work, or to a run that is over.
          if (random.chance(0.5)) {
            await release();
            await setTimeout(2_000);
          }
          return isElsewhere === null ? null : `${asker.name}, job ${run.jobId}`;
        } finally {
          asker.signal('SIGCONT');
          asker.busy = false;
        }
      }),
  },
  ...(['workers', 'probes'] as const).map((kind): Fault => ({
    kind: `${NAMES[kind]}: SIGSTOP for longer than every limit, SIGCONT`,
    weight: 1.5,
    group: 'long stop',
    lastsS: ALL_LIMITS_S.most,
    inject: (world, random) =>
      withService(world[kind], random, async ({ service }) => {
        service.signal('SIGSTOP');
        try {
          await waitBetween(random, ALL_LIMITS_S.least, ALL_LIMITS_S.most);
        } finally {
          service.signal('SIGCONT');
        }
      }),
  })),
];
