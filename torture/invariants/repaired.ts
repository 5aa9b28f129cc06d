import { isAtWork } from '../facts/death.js';
import type { Facts } from '../facts/facts.js';
import type { Run } from '../facts/queue-facts.js';
import { uncoveredMs } from '../facts/spans.js';
import type { Invariant } from './invariant.js';

/** Seconds within which everything is repaired once the faults stop. */
export function repairLimitS({ intervalS, graceS, marginS }: Facts['terms']): number {
  return 3 * intervalS + graceS + marginS;
}

/** Seconds within which a repairable run is repaired while faults go on: each fault may force a start from the beginning. */
export function waitLimitS({ intervalS, graceS, marginS }: Facts['terms']): number {
  return 3 * intervalS + graceS + 2 * marginS;
}

/**
 * Seconds within which a run that can be repaired is repaired while others cannot be. A minute more than other waits: workers are killed
 * all the time, each with work in hand that nobody else gets for up to 25 s.
 */
export function turnLimitS(terms: Facts['terms']): number {
  return waitLimitS(terms) + terms.marginS;
}

/** Judges the runs that were there before it was set up: to be asked when the limit is over. */
export const repairedInTime: Invariant = {
  name: 'repaired in time',
  promise:
    'once the faults stop, everything is repaired within 3 intervals, the grace and 60 s; for what was locked or failing before, the wait for its retry comes on top',
  *check(facts) {
    const limitS = repairLimitS(facts.terms);
    for (const run of facts.queue.runs.values()) {
      const dead = { fromMs: lastSignOfLifeMs(facts, run), untilMs: Date.now() };
      const deadForS = uncoveredMs(dead, facts.hindrances.withRetry(run.runId)) / 1000;
      if (run.ends.length > 0 || deadForS < limitS || isAtWork(facts, run)) continue;
      yield {
        what: `run ${run.runId} of job ${run.jobId} has been dead for ${Math.round(deadForS)} s, and its job is still marked running`,
        evidence: { run, life: facts.lives.lives.get(run.runId) },
      };
    }
  },
};

export const endedAll: Invariant = {
  name: 'every job ends',
  promise: 'every job ends in a terminal status or is alive',
  *check(facts) {
    const open = new Map(
      [...facts.queue.runs.values()].filter(({ ends }) => ends.length === 0).map((run) => [run.jobId, run]),
    );
    for (const [jobId, status] of facts.queue.statuses) {
      if (status === 'done' || status === 'failed') continue;
      const run = open.get(jobId);
      if (run !== undefined && isAtWork(facts, run)) continue;
      yield { what: `job ${jobId} is ${status}, and nobody works on it`, evidence: { run } };
    }
  },
};

function lastSignOfLifeMs({ lives }: Facts, run: Run): number {
  return lives.lives.get(run.runId)?.lastMs ?? run.startedMs;
}
