import type { RunRef } from '../../src/domain/types.js';
import { REAPER_NAME } from '../world/create-services.js';
import type { Fault } from './fault.js';

let serial = 0;

/** A second watch over the same run, unknown to the reaper. */
export const twins: readonly Fault[] = [
  {
    kind: 'run examined by two watches',
    weight: 8,
    async inject(world, random) {
      const { rows } = await world.admin.query<RunRef>(
        `select job_id as "jobId", run_key as "runKey" from reaper.running_job order by job_id`,
      );
      const run = random.pick(rows);
      if (run === undefined) return null;
      serial += 1;
      await world.ask((client) =>
        client.workflow.start('watchJob', {
          workflowId: `${REAPER_NAME}/watch/twin-${serial}`,
          taskQueue: REAPER_NAME,
          args: [{ ...run, poke: { why: 'symptom', park: true } }],
        }),
      );
      return `job ${run.jobId}`;
    },
  },
];
