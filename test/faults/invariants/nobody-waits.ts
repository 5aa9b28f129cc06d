import { deadSpan } from '../facts/death.js';
import type { Facts } from '../facts/facts.js';
import type { Part } from '../facts/presence-facts.js';
import type { Run } from '../facts/queue-facts.js';
import { LONGEST_RETRY_S } from '../facts/hindrance-facts.js';
import { uncoveredMs, withRetry } from '../facts/spans.js';
import { gateOf } from '../world/pipeline.js';
import type { Invariant } from './invariant.js';
import { waitLimitS } from './repaired.js';

/** Judged while faults are injected, run by run: whatever else is locked, failing, silent or away. */
export const nobodyWaits: Invariant = {
  name: 'nobody waits for another',
  promise:
    'a dead run that can be repaired is, within 3 intervals, the grace and two minutes, while others cannot be; only time counts in which Postgres, Temporal, a worker and its probe are there and nothing keeps this very run from being claimed, nor has it just kept it',
  *check(facts) {
    const limitS = waitLimitS(facts.terms);
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

/** The longest that a dead run has waited, in seconds in which it could have been repaired. */
export function longestWaitS(facts: Facts): number {
  return Math.max(0, ...[...facts.queue.runs.values()].map((run) => waitedForRepairS(facts, run)));
}

/** Seconds in which a run was dead and all that its repair needs was there. */
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

function whatKeptIt({ presence, stops, hindrances }: Facts, run: Run) {
  const gateAway = gateOf(run.agent) === 'sql' ? presence.away(["the gates' database"]) : [];
  return {
    away: presence.away(neededBy(run)),
    stopped: stops.of(run),
    hindered: [
      ...hindrances.withRetry(run.runId),
      ...gateAway.map((span) => withRetry(span, LONGEST_RETRY_S['its gate does not answer'])),
    ],
  };
}
