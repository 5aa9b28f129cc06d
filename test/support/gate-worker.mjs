// A custom worker, as docs/pipeline.md shows it, with a gate that is a function.
import { createReaperWorker } from '../../dist/src/index.js';

await createReaperWorker({
  gates: {
    approved: ({ job, work_item }) =>
      Promise.resolve({ green: work_item === 'W-good', reason: `${job} is about ${work_item}` }),
  },
}).run();
