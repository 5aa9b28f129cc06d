import type { Invariant } from './invariant.js';

export const lifeCycle: Invariant = {
  name: 'one end a run',
  promise: 'a run ends once, by its monitor or by the reaper, and no one writes to a job that is not theirs',
  *check({ queue, launchers }) {
    for (const oddity of queue.oddities) yield { what: oddity.what, evidence: oddity };
    for (const run of queue.runs.values()) {
      if (run.ends.length > 1) {
        yield { what: `run ${run.runId} of job ${run.jobId} ended ${run.ends.length} times`, evidence: run };
      }
    }
    for (const runId of launchers.finalized.keys()) {
      const run = queue.runs.get(runId);
      const end = run?.ends[0];
      if (end === undefined || end.by === 'launcher') continue;
      yield {
        what: `the monitor of run ${runId} says that it finalized job ${run?.jobId}, and so did the ${end.by}`,
        evidence: run,
      };
    }
  },
};
