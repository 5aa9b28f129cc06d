// `job-reaper worker` in your own program, with your own gate and notifier.
import { createReaperWorker } from 'job-reaper';

const worker = createReaperWorker({
  gates: {
    approved: async ({ workItem }) => ({ green: workItem !== null, reason: `work item ${workItem}` }),
  },
  notifiers: [
    { name: 'log', notify: async ({ kind, text }) => console.log(`notification: ${kind}: ${text}`) },
  ],
});
process.once('SIGTERM', () => worker.shutdown());
await worker.run();
