import type { Terms } from '../facts/facts.js';
import { runName } from '../../src/domain/run-name.js';
import type { WatchStory } from '../facts/watch-facts.js';
import type { Invariant } from './invariant.js';

/**
 * Counted again from the histories, by independent rules: what the probes answered since the last answer that was not
 * "dead", and how far apart.
 */
export const proofTwice: Invariant = {
  name: 'proof, twice, fresh',
  promise:
    "a dead pid is believed only after enough dead observations in a row, an interval apart, or on an operator's request",
  *check({ queue, temporal, terms }) {
    for (const story of temporal.stories) {
      // What an earlier execution had counted stands in another history.
      if (story.isContinued) continue;
      for (const { streak, wanted, reason } of tierOneClaims(story, terms)) {
        if (streak >= wanted) continue;
        yield {
          what: `watch ${story.workflowId} claimed (${reason}) after ${streak} of ${wanted} dead observations in a row`,
          evidence: story,
        };
      }
    }
    for (const story of temporal.hostStories) {
      for (const row of queue.ledger) {
        if (row.tier !== 1 || row.claimer !== story.firstExecutionRunId) continue;
        const deaths = story.deaths.get(runName(row));
        // Its looks stand in the history of another execution.
        if (deaths === undefined) continue;
        const streak = countApart(deaths, terms.intervalS * 1000);
        if (streak >= terms.deadTicks) continue;
        yield {
          what: `host watch ${story.workflowId} claimed job ${row.jobId} (${row.reason}) after ${streak} of ${terms.deadTicks} dead observations in a row`,
          evidence: { row, deaths },
        };
      }
    }
  },
};

/** How many of these moments are that far apart. */
function countApart(moments: readonly number[], apartMs: number): number {
  let count = 0;
  let lastMs = -Infinity;
  for (const moment of moments) {
    if (moment - lastMs < apartMs) continue;
    count += 1;
    lastMs = moment;
  }
  return count;
}

function* tierOneClaims({ steps }: WatchStory, { intervalS, deadTicks, graceS }: Terms) {
  let streak = 0;
  let countedMs = -Infinity;
  let defunctMs: number | null = null;
  let mayHurry = false;
  let isDeclaredGone = false;
  const reset = () => {
    streak = 0;
    countedMs = -Infinity;
    defunctMs = null;
  };
  const count = (atMs: number) => {
    if (atMs - countedMs < intervalS * 1000) return;
    streak += 1;
    countedMs = atMs;
  };
  for (const step of steps) {
    switch (step.kind) {
      case 'poke':
        mayHurry ||= step.why === 'reap';
        break;
      case 'row': {
        const { row } = step;
        const isLookedAt = row !== null && (row.block === null || row.block.startsWith('observe'));
        if (!isLookedAt || row.run?.exitCode !== null) reset();
        isDeclaredGone = row !== null && row.hostGoneBy !== null;
        break;
      }
      case 'probe': {
        // If no probe answers, an operator's declaration that the host is gone counts as an observation.
        const state = step.liveness?.state ?? (isDeclaredGone ? 'dead' : 'unknown');
        if (state === 'dead') count(step.atMs);
        else if (state === 'defunct') {
          defunctMs ??= step.atMs;
          if (step.atMs - defunctMs >= graceS * 1000) count(step.atMs);
          else [streak, countedMs] = [0, -Infinity];
        } else reset();
        break;
      }
      case 'claim':
        if (step.claim.tier === 1)
          yield { streak, wanted: mayHurry ? 1 : deadTicks, reason: step.claim.reason };
        break;
      case 'claimed':
        reset();
    }
  }
}
