// The reaper inside your own Temporal worker, next to your workflows.
import { NativeConnection, Worker } from '@temporalio/worker';
import { createActivities, payloadConverterPath, workflowsPath } from 'job-reaper';

const connection = await NativeConnection.connect({
  address: process.env.TEMPORAL_ADDRESS ?? 'localhost:7233',
});
const { workflows, gates, probe, queues, close } = await createActivities();
const workers = await Promise.all([
  Worker.create({
    connection,
    taskQueue: 'my-queue',
    // Or your own module that contains: export * from 'job-reaper/workflows'
    workflowsPath,
    dataConverter: { payloadConverterPath },
    activities: { ...workflows },
  }),
  // Gates can be slow: their own worker, so that they take no other activity's slots.
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
