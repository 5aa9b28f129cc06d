import { createGateActivities, type GateActivities } from '../activities/gates.js';
import { createJobActivities, type JobActivities } from '../activities/jobs.js';
import type { LeaseActivities } from '../activities/leases.js';
import { createNotifyActivities, type NotifyActivities } from '../activities/notify.js';
import { createProbeActivities, type ProbeActivities } from '../activities/probe.js';
import type { Resources } from './resources.js';

/** The activities of one process, by the queue that they belong on. */
export interface QueueActivities {
  /** On the workflow queue, as role `reaper`. */
  workflows: JobActivities & GateActivities & NotifyActivities;
  /** On the gates' queue, as role `reaper` too: apart, so that slow gates keep nothing else waiting. */
  gates: GateActivities;
  /** On this host's probe queue: role `reaper_probe` is enough. */
  probe: ProbeActivities;
  /** On the lease queue; null where there is no lease folder. */
  leases: LeaseActivities | null;
}

/** Makes all activities of a worker. */
export function createQueueActivities(resources: Resources): QueueActivities {
  const { settings, names, pools, driver, reporter, log, metrics, gates, channels, pipeline, leases } =
    resources;
  const { control, looks, claims, batches, probe, others } = pools;
  const { REAPER_HOST: host, REAPER_SHARED_PID_NAMESPACE: sharedPidNamespace } = settings;
  const gateActivities = createGateActivities({ pipeline, gates });
  return {
    workflows: {
      ...createJobActivities({ pool: control, looks, claims, batches, others, names, log, metrics }),
      // For gates that workers of older versions put on this queue.
      ...gateActivities,
      ...createNotifyActivities({ pool: others, log, channels }),
    },
    gates: gateActivities,
    probe: createProbeActivities({ pool: probe, names, host, sharedPidNamespace, reporter, driver }),
    leases,
  };
}
