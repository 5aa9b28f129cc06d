import { condition, patched } from '@temporalio/workflow';
import type { HostQueue, Reaper } from './reaper-state.js';
import { Round } from './round.js';
import { examine, toAnswer, toLimitMs, wake } from './sweep.js';

/** Maximum of hosts that are examined at once because they reported. */
const MAX_AT_ONCE = 20;

/**
 * Examines each host whose sentinel reported symptoms, at once and alone: no scan, no record. It may run beside a sweep. What fails or
 * finds no place here, the next sweep does.
 */
export async function reportLoop(reaper: Reaper): Promise<never> {
  for (;;) {
    await condition(() => next(reaper) !== undefined);
    const report = next(reaper);
    if (report === undefined) continue;
    reaper.reported.delete(report.host);
    // In the history of a version that knew no reports, one can lie unread.
    if (mayExamine(reaper) && patched('examines-reported-hosts')) void follow(reaper, report);
  }
}

function next({ reported, examining, continuingAsNew }: Reaper): HostQueue | undefined {
  if (continuingAsNew || examining.size >= MAX_AT_ONCE) return undefined;
  return [...reported.values()].find(({ host }) => !examining.has(host));
}

/** Whether watches may be started, as last known; each looks afresh before it claims. A fresh reaper sweeps at once anyway. */
function mayExamine({ scanned }: Reaper): boolean {
  return scanned !== null && scanned.paused === null && scanned.policy.enabled;
}

async function follow(reaper: Reaper, report: HostQueue): Promise<void> {
  const { host } = report;
  reaper.examining.set(host, report);
  const readMs = Date.now();
  try {
    const limitMs = reaper.scanned === null ? 0 : toLimitMs(reaper.scanned.policy);
    const watched = reaper.watchedByHost().get(host);
    const answer = toAnswer(await examine(report, limitMs, watched), host, watched);
    if (reaper.scanned === null) return;
    // The scan's facts as they are now: a sweep may have ended meanwhile.
    const round = new Round(
      reaper,
      { ...reaper.scanned, hosts: [report] },
      { started: 0, alreadyStarted: 0, poked: 0 },
      readMs,
    );
    await wake(round, answer);
    for (const { watchId, symptom } of round.symptoms.values())
      reaper.lastSeen.set(watchId, { host, symptom });
  } catch {
    // A sweep examines the host again, and says what is wrong with its probe.
  } finally {
    reaper.examining.delete(host);
  }
}
