// A worker of one's own, as docs/pipeline.md shows it, with a gate that is a function.
import { createLogger, readSettings, runWorker } from '../../dist/src/worker.js';

await runWorker({
  settings: readSettings(),
  parts: { workflows: true, probe: true },
  log: createLogger(),
  signal: new AbortController().signal,
  gateFunctions: {
    approved: ({ job, work_item }) =>
      Promise.resolve({ green: work_item === 'W-good', reason: `${job} is about ${work_item}` }),
  },
});
