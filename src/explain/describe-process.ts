import { declaredGone, declaredPlaceGone } from '../domain/declaration.js';
import type { Liveness } from '../domain/liveness.js';
import { describeWorkerTrouble } from '../domain/worker-trouble.js';
import { formatTime } from '../domain/wording.js';
import type { RunningFacts } from './facts.js';

/**
 * The liveness that the policy would use, as far as this command knows. As for a watch, an operator's declaration that the
 * host is gone counts only if no probe knows better.
 *
 * @param silentHosts hosts whose probe did not answer the last sweep
 */
export function livenessOf(running: RunningFacts, silentHosts: readonly string[]): Liveness {
  const seen = seenOf(running, silentHosts);
  if (seen.state !== 'unknown' || running.placeGone === null) return seen;
  return declaredPlaceGone(running.placeGone);
}

function seenOf({ probe, hostGoneBy }: RunningFacts, silentHosts: readonly string[]): Liveness {
  switch (probe.kind) {
    case 'here':
    case 'there':
      return probe.liveness;
    case 'nowhere':
      return unknown('the row names no host, so no probe can check its process');
    case 'elsewhere':
      return hostGoneBy !== null && silentHosts.includes(probe.host)
        ? declaredGone(hostGoneBy)
        : unknown(`only a probe on host ${probe.host} can check it`);
  }
}

/** Describes the process: what was seen just now, or where to check. */
export function describeProcess(
  jobId: string,
  running: RunningFacts,
  liveness: Liveness,
  silentHosts: readonly string[],
): string[] {
  const { probe, host, hostGoneBy, workerTrouble } = running;
  const lines: string[] = [];
  if (probe.kind === 'here' && probe.liveness === liveness) {
    lines.push(`${liveness.state}, seen from here just now: ${liveness.evidence}`);
  } else if (probe.kind === 'there' && probe.liveness === liveness) {
    lines.push(`${liveness.state}, seen on host ${probe.host} just now: ${liveness.evidence}`);
  } else if (probe.kind !== 'elsewhere' || liveness.state === 'dead') {
    lines.push(`${liveness.state}: ${liveness.evidence}`);
    if (workerTrouble) lines.push(describeWorkerTrouble(workerTrouble, running.run.runId));
  } else {
    lines.push(`can only be checked on host ${probe.host}: run job-reaper explain ${jobId} there`);
  }
  if (probe.kind !== 'nowhere' && silentHosts.includes(running.run.host ?? '')) {
    const last = host?.answeredAt ? `, its last answer was at ${formatTime(host.answeredAt)}` : '';
    if (host?.failing) {
      lines.push(`the probe on host ${running.run.host ?? ''} fails: ${host.failing}`);
    } else {
      lines.push(
        `no probe on host ${running.run.host ?? ''} answered the last sweep${last}${hostGoneBy === null ? ': start a worker there' : ''}`,
      );
    }
    if (hostGoneBy === null && !host?.failing) {
      lines.push(`if that host will never return: job-reaper host-gone ${running.run.host ?? ''}`);
    }
  }
  if (host?.gone) {
    const { by, declaredAt } = host.gone;
    const scope =
      hostGoneBy !== null
        ? 'after this run started'
        : host.answeredAt !== null && host.answeredAt > declaredAt
          ? 'but its probe has answered since, which ended the declaration'
          : 'before this run started, so it does not count';
    lines.push(
      `host ${running.run.host ?? ''} was declared gone by ${by} at ${formatTime(declaredAt)}, ${scope}`,
    );
  }
  for (const warning of host?.warnings ?? []) lines.push(`host ${running.run.host ?? ''}: ${warning}`);
  return lines;
}

function unknown(evidence: string): Liveness {
  return { state: 'unknown', proven: false, evidence };
}
