import type { Facts } from '../facts/facts.js';
import { deadSpan } from '../facts/death.js';
import type { Run } from '../facts/queue-facts.js';
import { uncoveredMs, type Span } from '../facts/spans.js';
import type { Invariant } from './invariant.js';
import { waitLimitS } from './repaired.js';

/** Judged by the view as it was at each look. */
export const statusNames: Invariant = {
  name: 'status names who waits',
  promise:
    'a run that has been dead for longer than 3 intervals, the grace and two minutes is named by reaper.status, or the reason is: paused, the dry run, a hold, no probe; time only counts while Postgres, Temporal and a worker are up',
  *check(facts) {
    const limitS = waitLimitS(facts.terms);
    for (const run of facts.queue.runs.values()) {
      const dead = deadSpan(facts, run);
      const unnamedS = dead === null ? 0 : longestUnnamedS(facts, run, dead);
      if (unnamedS < limitS) continue;
      yield {
        what: `run ${run.runId} of job ${run.jobId} was dead for over ${limitS} s, and reaper.status did not say why it waits`,
        evidence: { run, unnamedS, hindrances: facts.hindrances.of(run.runId) },
      };
    }
  },
};

/** The longest time without a word of it while it was dead, in seconds. */
function longestUnnamedS(facts: Facts, run: Run, dead: Span): number {
  const spans = facts.status
    .unnamed(run.runId)
    .map(({ fromMs, untilMs }) => ({
      fromMs: Math.max(fromMs, dead.fromMs),
      untilMs: Math.min(untilMs, dead.untilMs),
    }))
    .filter(({ fromMs, untilMs }) => fromMs < untilMs);
  return Math.max(0, ...spans.map((span) => uncoveredMs(span, excuses(facts, run)) / 1000));
}

/** Times in which nothing could be reported, or in which an operator kept the run from being claimed, which is reported elsewhere. */
function excuses({ presence, stops }: Facts, run: Run): Span[] {
  return [...presence.away(['Postgres', 'the adapter', 'Temporal', 'workers']), ...stops.of(run)];
}
