// The reaper inside a Temporal worker of one's own, beside workflows of one's own.
import { NativeConnection, Worker } from '@temporalio/worker';
import { createActivities, payloadConverterPath, workflowsPath } from 'job-reaper';

const connection = await NativeConnection.connect({ address: process.env.TEMPORAL_ADDRESS });
const { workflows, gates, probe, queues, close } = await createActivities();
const workers = await Promise.all([
  Worker.create({
    connection,
    taskQueue: 'my-queue',
    // Or a module of yours that has: export * from 'job-reaper/workflows'
    workflowsPath,
    dataConverter: { payloadConverterPath },
    activities: { ...workflows },
  }),
  // Gates may be slow: few slots, so that they take nobody else's.
  Worker.create({
    connection,
    taskQueue: queues.gates,
    activities: { ...gates },
    maxConcurrentActivityTaskExecutions: 20,
  }),
  Worker.create({ connection, taskQueue: queues.probe, activities: probe }),
]);
await Promise.all(workers.map((worker) => worker.run()));
await close();
