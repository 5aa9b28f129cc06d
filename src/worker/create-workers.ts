import { Worker, type NativeConnection, type WorkerOptions } from '@temporalio/worker';
import { createGateActivities } from '../activities/gates.js';
import { createJobActivities } from '../activities/jobs.js';
import { createNotifyActivities } from '../activities/notify.js';
import { createProbeActivities } from '../activities/probe.js';
import { workflowSource } from './bundle.js';
import type { WorkerContext } from './context.js';

/** One Temporal worker for each queue that this process polls. */
export async function createWorkers(
  { settings, parts, names, pool, log, metrics, gates, channels, pipeline, leases }: WorkerContext,
  connection: NativeConnection,
  namespace: string,
): Promise<Worker[]> {
  const host = settings.REAPER_HOST;
  const base: Omit<WorkerOptions, 'taskQueue'> = {
    connection,
    namespace,
    identity: `job-reaper@${host} pid ${process.pid}`,
    shutdownGraceTime: '5s',
    shutdownForceTime: '20s',
  };
  const workers: Worker[] = [];
  if (parts.workflows) {
    const activities = {
      ...createJobActivities({ pool, names, log, metrics }),
      ...createGateActivities({ pipeline, gates }),
      ...createNotifyActivities({ pool, log, channels }),
    };
    const taskQueue = names.workflowQueue;
    workers.push(await Worker.create({ ...base, taskQueue, ...workflowSource(), activities }));
  }
  if (parts.probe) {
    const sharedPidNamespace = settings.REAPER_SHARED_PID_NAMESPACE;
    const activities = createProbeActivities({ pool, names, host, sharedPidNamespace });
    workers.push(await Worker.create({ ...base, taskQueue: names.probeQueue(host), activities }));
  }
  if (leases !== null) {
    workers.push(await Worker.create({ ...base, taskQueue: names.leaseQueue, activities: leases }));
  }
  return workers;
}
