// A worker with a gate and a notifier of one's own: what `job-reaper worker` runs, in a program of yours.
import { createReaperWorker } from 'job-reaper';

const worker = createReaperWorker({
  gates: {
    approved: async ({ work_item }) => ({ green: work_item !== null, reason: `work item ${work_item}` }),
  },
  notifiers: [{ name: 'log', notify: async ({ kind, text }) => console.log(`told of ${kind}: ${text}`) }],
});
process.once('SIGTERM', () => worker.shutdown());
await worker.run();
