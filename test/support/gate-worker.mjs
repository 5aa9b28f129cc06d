// A custom worker, as docs/pipeline.md shows it, with a gate that is a function.
import { createReaperWorker } from '../../dist/src/index.js';

await createReaperWorker({
  gates: {
    approved: ({ job, workItem }) =>
      Promise.resolve({ green: workItem === 'W-good', reason: `${job} is about ${workItem}` }),
  },
}).run();
