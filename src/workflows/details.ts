import type { Reaper } from './reaper-state.js';

const LISTED_WATCHES = 10;

/** The reaper's page in the Web UI, in Markdown: what it did last, what it watches, how to stop it. */
export function describeReaper({ status, lastSweep, watches, policy }: Reaper): string {
  const listed = [...watches.values()]
    .slice(0, LISTED_WATCHES)
    .map(({ jobId }) => `\`${jobId.slice(0, 60)}\``);
  const more = watches.size > LISTED_WATCHES ? ` and ${watches.size - LISTED_WATCHES} more` : '';
  const silent = lastSweep?.hostsWithoutProbe ?? [];
  return [
    `**Mode**: ${describeMode(status)}, every ${policy?.intervalS ?? '?'} s`,
    `**Last sweep**: ${lastSweep ? `no. ${lastSweep.number}, ${new Date(lastSweep.atMs).toISOString()}` : 'none'}` +
      (lastSweep?.error ? `, failed: ${lastSweep.error}` : ''),
    `**Running**: ${lastSweep?.running ?? 0}, with a symptom: ${lastSweep?.symptoms ?? 0}`,
    `**Watching**: ${watches.size}${listed.length > 0 ? `: ${listed.join(', ')}${more}` : ''}`,
    `**Hosts without a probe**: ${silent.length > 0 ? silent.join(', ') : 'none'}`,
    `**Reaped so far**: ${status?.reaped_total ?? 0}`,
    '',
    'To stop reaping, send the signal `pause` (no input needed); `resume` ends it. A terminated reaper is started again.',
  ].join('\n\n');
}

function describeMode(status: Reaper['status']): string {
  if (status === null) return 'unknown';
  if (!status.enabled) return 'disabled by REAPER_ENABLED';
  if (status.paused) return `**paused** by ${status.paused_by ?? 'somebody'}: ${status.paused_reason ?? ''}`;
  return status.mode === 'observe' ? 'observe (dry run)' : 'active';
}
