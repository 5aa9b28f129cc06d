import { deadSpan } from '../facts/death.js';
import type { Facts } from '../facts/facts.js';
import type { Part } from '../facts/presence-facts.js';
import type { Run } from '../facts/queue-facts.js';
import { MAX_RETRY_S } from '../facts/hindrance-facts.js';
import { startingOver, uncoveredMs, withRetry, type Span } from '../facts/spans.js';
import { gateOf } from '../world/pipeline.js';
import type { Invariant } from './invariant.js';
import { turnLimitS } from './repaired.js';

/** Judged run by run while faults are injected, whatever else is locked, failing, silent or away. */
export const nobodyWaits: Invariant = {
  name: 'nobody waits for another',
  promise:
    'a dead run that can be repaired is repaired within 3 intervals, the grace and three minutes, even while others cannot be; time only counts while Postgres, Temporal, a worker and its probe are up and nothing prevents, or has just prevented, the claim of this very run',
  *check(facts) {
    const limitS = turnLimitS(facts.terms);
    for (const run of facts.queue.runs.values()) {
      const waitedS = waitedForRepairS(facts, run);
      if (waitedS < limitS) continue;
      yield {
        what: `run ${run.runId} of job ${run.jobId} was dead, and could have been repaired, for over ${limitS} s`,
        evidence: { run, waitedS, life: facts.lives.lives.get(run.runId), ...whatKeptIt(facts, run) },
      };
    }
  },
};

/** The longest wait of a dead run, in seconds in which it could have been repaired. */
export function longestWaitS(facts: Facts): number {
  return Math.max(0, ...[...facts.queue.runs.values()].map((run) => waitedForRepairS(facts, run)));
}

/** Seconds for which runs were dead, and how many of them counted. */
export function deadTimeS(facts: Facts): { all: number; counted: number } {
  const runs = [...facts.queue.runs.values()];
  const all = runs.map((run) => deadSpan(facts, run)).map((span) => (span ? span.untilMs - span.fromMs : 0));
  const sum = (numbers: number[]) => numbers.reduce((total, each) => total + each, 0);
  return { all: sum(all) / 1000, counted: sum(runs.map((run) => waitedForRepairS(facts, run))) };
}

/** Seconds in which a run was dead and everything that its repair needs was up. */
export function waitedForRepairS(facts: Facts, run: Run): number {
  const span = deadSpan(facts, run);
  if (span === null) return 0;
  const { away, stopped, hindered } = whatKeptIt(facts, run);
  return uncoveredMs(span, [...away, ...stopped, ...hindered]) / 1000;
}

/** The parts without which no run of this host can be repaired. */
function neededBy({ host }: Run): Part[] {
  return ['Postgres', 'the adapter', 'Temporal', 'workers', `probe of ${host}`];
}

function whatKeptIt({ presence, stops, hindrances, terms }: Facts, run: Run) {
  const gateAway = gateOf(run.agent) === 'sql' ? presence.away(["the gates' database"]) : [];
  // Evidence from before it no longer counts.
  const again = (span: Span) => startingOver(span, 3 * terms.intervalS);
  return {
    away: presence.away(neededBy(run)).map(again),
    stopped: stops.of(run).map(again),
    hindered: [
      ...hindrances.withRetry(run.runId),
      ...gateAway.map((span) => withRetry(span, MAX_RETRY_S['its gate does not answer'])),
    ],
  };
}
