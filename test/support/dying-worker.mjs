// A worker that is killed between a claim's COMMIT and the completion of its activity.
import { NativeConnection, Worker } from '@temporalio/worker';
import { createGateActivities } from '../../dist/src/activities/gates.js';
import { createJobActivities } from '../../dist/src/activities/jobs.js';
import { createPool } from '../../dist/src/db/pool.js';
import { createGates, defaultPipeline } from '../../dist/src/gates/index.js';
import { Names } from '../../dist/src/naming.js';
import { workflowSource } from '../../dist/src/worker/bundle.js';

const { DATABASE_URL, REAPER_NAME, TEMPORAL_ADDRESS } = process.env;
const names = new Names(REAPER_NAME);
const log = { info: console.log, warn: console.log, error: console.log };
const jobs = createJobActivities({
  pool: createPool(DATABASE_URL, { applicationName: 'dying worker' }),
  names,
  log,
});
const connection = await NativeConnection.connect({ address: TEMPORAL_ADDRESS });
const workflows = await Worker.create({
  connection,
  taskQueue: names.workflowQueue,
  ...workflowSource(),
  activities: {
    ...jobs,
    claim: async (...args) => {
      const { result } = await jobs.claim(...args);
      console.log(`committed: ${result}`);
      process.kill(process.pid, 'SIGKILL');
      await new Promise(() => undefined);
    },
  },
});
const gates = await Worker.create({
  connection,
  taskQueue: names.gateQueue,
  activities: createGateActivities({ pipeline: defaultPipeline(), gates: createGates({}) }),
});
await Promise.all([workflows.run(), gates.run()]);
