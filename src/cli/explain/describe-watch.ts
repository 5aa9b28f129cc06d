import type { Policy } from '../../domain/types.js';
import { isOverdue } from '../../domain/overdue.js';
import { formatTime } from '../output.js';
import type { LastSweep } from '../read-state.js';
import type { WatchFacts } from './facts.js';

const STORY_SHOWN = 6;

/** The run's watch in words: what it is doing, how far it has counted, and its story. */
export function describeWatch(watch: WatchFacts, policy: Policy, lastSweep: LastSweep | null): string[] {
  switch (watch.kind) {
    case 'open': {
      const { phase, streak, nextLookMs, story } = watch.state;
      const next = nextLookMs === null ? '' : `, looks again at ${formatTime(new Date(nextLookMs))}`;
      const count = `${streak} of ${policy.deadTicks} dead observations counted`;
      return [`${phase}${next}; ${count}`, ...story.slice(-STORY_SHOWN), ...(watch.trouble ?? [])];
    }
    case 'silent':
      return [`open, but no worker answers for it (${watch.why}): see that job-reaper worker runs`];
    case 'unreachable':
      return [`Temporal did not tell (${watch.why}); this is from Postgres alone`];
    case 'closed':
      return [`its last one is ${watch.status}; ${whyNone(policy, lastSweep)}`];
    case 'none':
      return [`none; ${whyNone(policy, lastSweep)}`];
  }
}

function whyNone(policy: Policy, lastSweep: LastSweep | null): string {
  if (lastSweep === null || isOverdue(lastSweep, policy.intervalS)) {
    return 'a sweep starts it, and none came: see that a worker and Temporal run';
  }
  const { running, watching } = lastSweep.summary;
  if (watching >= policy.maxWatches) return `all ${policy.maxWatches} places are taken (REAPER_MAX_WATCHES)`;
  if (running > policy.watchAllLimit) {
    return `with over ${policy.watchAllLimit} running jobs (REAPER_WATCH_ALL_LIMIT) only a run with a symptom gets one`;
  }
  return `the next sweep starts it, every ${policy.intervalS} s`;
}
