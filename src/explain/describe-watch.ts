import type { Policy } from '../domain/types.js';
import { isOverdue } from '../domain/overdue.js';
import { formatTime } from '../domain/wording.js';
import type { LastSweep } from './last-sweep.js';
import type { HostWatchFacts, WatchFacts } from './facts.js';

const STORY_SHOWN = 6;

/** Describes the run's watch: what it is doing, what it has counted, and its story. */
export function describeWatch(watch: WatchFacts, policy: Policy, lastSweep: LastSweep | null): string[] {
  switch (watch.kind) {
    case 'open': {
      const { phase, streak, nextLookMs, story } = watch.state;
      const next = nextLookMs === null ? '' : `, next observation at ${formatTime(new Date(nextLookMs))}`;
      const count = `${streak} of ${policy.deadTicks} dead observations counted`;
      return [`${phase}${next}; ${count}`, ...story.slice(-STORY_SHOWN), ...(watch.trouble ?? [])];
    }
    case 'silent':
      return [`open, but no worker answers for it (${watch.why}): check that job-reaper worker is running`];
    case 'unreachable':
      return [`Temporal did not answer (${watch.why}); this is from Postgres alone`];
    case 'closed':
      return [`none open, the last one is ${watch.status}; ${whyNone(policy, lastSweep)}`];
    case 'none':
      return [`none; ${whyNone(policy, lastSweep)}`];
  }
}

/** Describes the watch of the run's whole host, if one is open. */
export function describeHostWatch(hostWatch: HostWatchFacts | null): string[] {
  if (hostWatch === null) return [];
  const { id, state } = hostWatch;
  if (state === null) return [`a watch of its whole host is open (${id}), but no worker answers for it`];
  const { seen, proven, claimed, left } = state.counts;
  return [
    `a watch of its whole host is open (${id}), ${state.phase}: ${seen} seen, ${proven} proven, ${claimed} claimed, ${left} left`,
  ];
}

function whyNone(policy: Policy, lastSweep: LastSweep | null): string {
  if (lastSweep === null || isOverdue(lastSweep, policy.intervalS)) {
    return 'a sweep would start it, but none is running: check that a worker and Temporal are running';
  }
  const { running, watching } = lastSweep.summary;
  if (watching >= policy.maxWatches)
    return `all ${policy.maxWatches} watches are in use (REAPER_MAX_WATCHES)`;
  if (running > policy.watchAllLimit) {
    return `with more than ${policy.watchAllLimit} running jobs (REAPER_WATCH_ALL_LIMIT), only a run with a symptom gets one`;
  }
  return `the next sweep starts it (sweeps run every ${policy.intervalS} s)`;
}
