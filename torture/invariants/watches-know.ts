import type { Invariant } from './invariant.js';

const REAPED = ['done', 'queued', 'failed'];
/** What a watch says that leaves its run to others. */
const LEFT = ['nothing to do', 'not claimed'];

/** From the histories: what watches say about themselves agrees with the ledger. */
export const watchesKnow: Invariant = {
  name: 'a watch knows what it did',
  promise:
    'a watch says that it reaped a run if and only if the ledger names that watch, and treats a lost claim as lost',
  *check({ queue, temporal }) {
    for (const { workflowId, firstExecutionRunId, result } of temporal.hostStories) {
      const rows = queue.ledger.filter(({ claimer }) => claimer === firstExecutionRunId).length;
      // What it left, it may have claimed without hearing of it.
      if (result === null || (result.claimed <= rows && rows <= result.claimed + result.left)) continue;
      yield {
        what: `host watch ${workflowId} says that it claimed ${result.claimed} runs and left ${result.left}, and the ledger has ${rows} of them`,
        evidence: result,
      };
    }
    const byRun = new Map(queue.ledger.map((row) => [`${row.jobId}/${row.runKey}`, row]));
    for (const story of temporal.stories) {
      const row = byRun.get(`${story.jobId}/${story.runKey}`);
      const isMine = row?.claimer === story.firstExecutionRunId;
      const { workflowId, result } = story;
      if (result !== null && REAPED.includes(result.outcome) && (!isMine || row.outcome !== result.outcome)) {
        yield {
          what: `watch ${workflowId} says that it reaped its run -> ${result.outcome}, and the ledger ${row === undefined ? 'has no such row' : isMine ? `says ${row.outcome}` : 'names another'}`,
          evidence: { story, row },
        };
      }
      if (result !== null && !REAPED.includes(result.outcome) && !LEFT.includes(result.outcome)) {
        const isRight =
          result.outcome === 'reaped by another' ? row !== undefined && !isMine : row === undefined;
        if (!isRight) {
          yield {
            what: `watch ${workflowId} says of its run: ${result.outcome}, and the ledger ${row === undefined ? 'has no such row' : isMine ? 'says it was the watch itself' : `says ${row.outcome} by another`}`,
            evidence: { story, row },
          };
        }
      }
      for (const step of story.steps) {
        if (step.kind !== 'claimed' || step.result === null || row === undefined) continue;
        if (step.result.result === 'lost' && isMine) {
          yield {
            what: `watch ${workflowId} was told that it lost a claim that is its own`,
            evidence: { story, row },
          };
        }
      }
    }
  },
};
