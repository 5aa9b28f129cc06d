import { Worker, type NativeConnection, type WorkerOptions } from '@temporalio/worker';
import { workflowSource } from './bundle.js';
import type { WorkerContext } from './context.js';
import { createQueueActivities } from './create-activities.js';

/** Gates at a time; each may take 5 minutes. */
const GATE_SLOTS = 20;
/**
 * Activities that the workflow queue's worker has under way at most: at most one for each open watch (1,500), and sweeps and operators'
 * wishes on top, so that looks and claims that wait for connections keep no slot from them.
 */
const MOST_ACTIVITIES = 1_600;

/**
 * One Temporal worker for each queue that this process polls. When one cannot be made, those made before it are ended.
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
    // What does not end then is given up, so that the connections are closed within the time of a stop.
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
          taskQueue,
          ...workflowSource(dataConverter),
          maxConcurrentActivityTaskExecutions: MOST_ACTIVITIES,
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

/** Ends the workers that were made and never run: they would keep the connection, and with it the process. */
export async function endUnrun(workers: readonly Worker[]): Promise<void> {
  const unrun = workers.filter((worker) => worker.getState() === 'INITIALIZED');
  // There is no other way to end one than to run it.
  const ends = unrun.map(async (worker) => {
    const running = worker.run();
    worker.shutdown();
    await running;
  });
  await Promise.allSettled(ends);
}
