import { Worker, type NativeConnection, type WorkerOptions } from '@temporalio/worker';
import { workflowSource } from './bundle.js';
import type { WorkerContext } from './context.js';
import { createQueueActivities } from './create-activities.js';

/** Concurrent gates; each may take 5 minutes. */
const GATE_SLOTS = 20;
/**
 * Maximum of concurrent activities on the workflow queue: one for each open watch (up to 1,500), plus sweeps and operators' requests,
 * so that looks and claims that wait for connections never take their slots.
 */
const MAX_ACTIVITIES = 1_600;

/**
 * How long one step of a workflow may take. When this limit interrupts a workflow, Node.js ends the whole process ("async hook stack has
 * become corrupted", nodejs/node#38503). The SDK's 5 s pass when the machine is suspended or short of CPU in the middle of a step. The SDK
 * reads this option, but its types leave it out.
 */
export const PATIENT = { isolateExecutionTimeout: '10m' };

/**
 * One Temporal worker for each queue that this process polls. If one cannot be created, those created before it are stopped.
 */
export async function createWorkers(
  context: WorkerContext,
  connection: NativeConnection,
  namespace: string,
): Promise<Worker[]> {
  const { settings, parts, names, dataConverter } = context;
  const host = settings.REAPER_HOST;
  const base: Omit<WorkerOptions, 'taskQueue'> = {
    connection,
    namespace,
    identity: `job-reaper@${host} pid ${process.pid}`,
    shutdownGraceTime: '5s',
    // What has not ended by then is abandoned, so that the connections close in time for a stop.
    shutdownForceTime: '12s',
    ...(dataConverter && { dataConverter }),
  };
  const activities = createQueueActivities(context);
  const workers: Worker[] = [];
  try {
    if (parts.workflows) {
      const taskQueue = names.workflowQueue;
      workers.push(
        await Worker.create({
          ...base,
          ...PATIENT,
          taskQueue,
          ...workflowSource(dataConverter),
          maxConcurrentActivityTaskExecutions: MAX_ACTIVITIES,
          activities: activities.workflows,
        }),
      );
      workers.push(
        await Worker.create({
          ...base,
          taskQueue: names.gateQueue,
          activities: activities.gates,
          maxConcurrentActivityTaskExecutions: GATE_SLOTS,
        }),
      );
    }
    if (parts.probe) {
      const taskQueue = names.probeQueue(host);
      workers.push(await Worker.create({ ...base, taskQueue, activities: activities.probe }));
    }
    if (activities.leases !== null) {
      workers.push(
        await Worker.create({ ...base, taskQueue: names.leaseQueue, activities: activities.leases }),
      );
    }
    return workers;
  } catch (error) {
    await endUnrun(workers);
    throw error;
  }
}

/** Stops the workers that were created and never ran: they would keep the connection open, and with it the process alive. */
export async function endUnrun(workers: readonly Worker[]): Promise<void> {
  const unrun = workers.filter((worker) => worker.getState() === 'INITIALIZED');
  // The only way to stop one is to run it.
  const ends = unrun.map(async (worker) => {
    const running = worker.run();
    worker.shutdown();
    await running;
  });
  await Promise.allSettled(ends);
}
