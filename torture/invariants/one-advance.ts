import type { JobBirth, Run, RunEnd, TaskMove } from '../facts/queue-facts.js';
import { advanceOf } from '../world/pipeline.js';
import { groupBy } from './group-by.js';
import type { Invariant, Violation } from './invariant.js';

export const oneAdvance: Invariant = {
  name: 'one advance, one next job',
  promise:
    'each green exit 0 advances exactly once, with exactly one next job, in the transaction that ends the run',
  *check({ queue }) {
    const births = queue.births.filter(({ taskId }) => taskId !== null);
    const movesByXid = groupBy(queue.moves, ({ xid }) => xid);
    const birthsByXid = groupBy(births, ({ xid }) => xid);
    const doneByXid = new Map<string, Run>();
    for (const run of queue.runs.values()) {
      for (const end of run.ends) {
        if (end.to !== 'done' || run.taskId === null) continue;
        doneByXid.set(end.xid, run);
        yield* checkDone(run, end, movesByXid.get(end.xid) ?? [], birthsByXid.get(end.xid) ?? []);
      }
    }
    for (const move of queue.moves) {
      if (doneByXid.get(move.xid)?.taskId === move.taskId) continue;
      yield {
        what: `task ${move.taskId} moved from ${move.from} to ${move.to} in a transaction that made none of its jobs done`,
        evidence: move,
      };
    }
    for (const [key, made] of groupBy(births, ({ taskId, agent }) => `${taskId}, ${agent}`)) {
      if (made.length > 1) yield { what: `${made.length} jobs were made for ${key}`, evidence: made };
    }
  },
};

function* checkDone(
  run: Run,
  end: RunEnd,
  moves: readonly TaskMove[],
  births: readonly JobBirth[],
): Iterable<Omit<Violation, 'invariant'>> {
  const advance = advanceOf(run.agent);
  const [move] = moves;
  const moved =
    moves.length === 1 &&
    move?.taskId === run.taskId &&
    move.from === advance?.fromStage &&
    move.to === advance.toStage;
  const wanted = advance?.nextAgent ?? '';
  const made = births.map(({ agent }) => agent);
  if (moved && made.join() === wanted) return;
  yield {
    what: `run ${run.runId} of job ${run.jobId} ended as done, and its transaction made ${moves.length} moves of its task and ${births.length} next jobs`,
    evidence: { run, end, moves, births },
  };
}
