import type { Liveness } from '../../domain/liveness.js';
import type { RunningFacts } from './facts.js';

/**
 * What the policy goes by, as far as this command can tell. As for a watch, an operator's word that the host is gone counts
 * only where no probe tells.
 *
 * @param silentHosts hosts whose probe did not answer the last sweep
 */
export function livenessOf(running: RunningFacts, silentHosts: readonly string[]): Liveness {
  const { probe, hostGoneBy } = running;
  switch (probe.kind) {
    case 'here':
      return probe.liveness;
    case 'nowhere':
      return unknown('the row names no host, so nobody can look at its process');
    case 'elsewhere':
      return hostGoneBy !== null && silentHosts.includes(probe.host)
        ? { state: 'dead', proven: false, evidence: `host declared gone by ${hostGoneBy}` }
        : unknown(`only host ${probe.host} can tell`);
  }
}

/** The process in words: what was seen just now, or where to ask. */
export function describeProcess(
  jobId: string,
  running: RunningFacts,
  liveness: Liveness,
  silentHosts: readonly string[],
): string[] {
  const { probe, host, hostGoneBy } = running;
  const lines: string[] = [];
  if (probe.kind === 'here') {
    lines.push(`${liveness.state}, seen from here just now: ${liveness.evidence}`);
  } else if (probe.kind === 'nowhere' || liveness.state === 'dead') {
    lines.push(`${liveness.state}: ${liveness.evidence}`);
  } else {
    lines.push(`only host ${probe.host} can tell: run job-reaper explain ${jobId} there`);
  }
  if (probe.kind !== 'nowhere' && silentHosts.includes(running.run.host ?? '')) {
    const last = host?.answeredAt ? `, its last answer was at ${host.answeredAt.toISOString()}` : '';
    lines.push(
      `no probe on host ${running.run.host ?? ''} answered the last sweep${last}: start a worker there`,
    );
    if (hostGoneBy === null) {
      lines.push(`if that host is gone for good: job-reaper host-gone ${running.run.host ?? ''}`);
    }
  }
  if (host?.gone) {
    const { by, declaredAt } = host.gone;
    const scope =
      hostGoneBy === null ? 'before this run started, so it does not count' : 'after this run had started';
    lines.push(
      `host ${running.run.host ?? ''} was declared gone by ${by} at ${declaredAt.toISOString()}, ${scope}`,
    );
  }
  return lines;
}

function unknown(evidence: string): Liveness {
  return { state: 'unknown', proven: false, evidence };
}
