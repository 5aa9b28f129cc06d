// A worker with the options of ours, and a workflow that is held up in the middle of a step, as when the machine is suspended.
import { fileURLToPath, URL } from 'node:url';
import { Client } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { PATIENT } from '../../dist/src/worker/create-workers.js';

Runtime.install({ logger: new DefaultLogger('ERROR') });
const connection = await NativeConnection.connect({ address: process.env.TEMPORAL_ADDRESS });
const taskQueue = `slow-${process.pid}`;
const worker = await Worker.create({
  connection,
  taskQueue,
  workflowsPath: fileURLToPath(new URL('slow-workflow.mjs', import.meta.url)),
  ...PATIENT,
});
const client = new Client({ connection });
console.log(await worker.runUntil(client.workflow.execute('slow', { taskQueue, workflowId: taskQueue })));
await connection.close();
