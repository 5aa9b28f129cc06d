import type { Facts } from '../facts/facts.js';
import type { Run, RunEnd } from '../facts/queue-facts.js';
import { LATE_MONITOR } from '../world/logins.js';
import { wasOverCeiling } from './alive-untouched.js';
import type { Invariant } from './invariant.js';

/**
 * Judged by the run's own agent: only what it delivered itself before it exited was surely there when a gate was asked. That
 * what is done has also advanced is judged by "one advance, one next job".
 */
export const greenIsDone: Invariant = {
  name: 'green is done',
  promise:
    'a run whose exit 0 is on record, and whose work was delivered where there is a gate, is done; only the backstop may end it otherwise',
  *check(facts) {
    for (const run of facts.queue.runs.values()) {
      if (!isGreen(facts, run)) continue;
      for (const end of run.ends) {
        if (end.to === 'done' || !wasKnown(run, end) || mayEndOtherwise(facts, run, end)) continue;
        yield {
          what: `job ${run.jobId} became ${end.to} by the ${end.by}, though the exit 0 of its run ${run.runId} was on record${run.taskId === null ? '' : ' and its work delivered'}`,
          evidence: { run, end, row: facts.queue.ledger.find(({ runId }) => runId === run.runId) },
        };
      }
    }
  },
};

function isGreen({ lives }: Facts, run: Run): boolean {
  return run.exit?.code === 0 && (run.taskId === null || lives.lives.get(run.runId)?.delivered === true);
}

function wasKnown({ exit }: Run, end: RunEnd): boolean {
  return exit !== null && exit.order < end.order;
}

function mayEndOtherwise({ queue, terms }: Facts, run: Run, end: RunEnd): boolean {
  // The harness, playing a monitor that never learned the exit code.
  if (end.application === LATE_MONITOR) return true;
  const row = queue.ledger.find(({ runId, xid }) => runId === run.runId && xid === end.xid);
  return row !== undefined && wasOverCeiling(queue, row, terms.ceilingS);
}
