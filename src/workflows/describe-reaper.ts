import type { Status } from '../domain/status.js';
import type { SweepSummary } from './messages.js';
import { code, list, moment, sentence, table } from './markdown.js';
import type { OpenWatch, Reaper } from './reaper-state.js';

const LISTED_WATCHES = 15;
const LISTED_ROWS = 5;

/**
 * The reaper's page in the Web UI: whether it reaps, what the last sweep saw, what is being watched and why, and what an
 * operator can do from there.
 */
export function describeReaper(reaper: Reaper): string {
  const { status, lastSweep, policy } = reaper;
  return [
    `**Mode**: ${describeMode(status)}. A sweep every ${policy?.intervalS ?? '?'} s.`,
    describeSweep(lastSweep),
    describeHosts(lastSweep),
    ...describeRows(lastSweep),
    ...describeTrouble(status),
    ...describeWaiting(lastSweep),
    describeTotals(status),
    describeWatches(reaper),
    HOW_TO,
  ].join('\n\n');
}

function describeMode(status: Reaper['status']): string {
  if (status === null) return 'unknown until the first sweep is over';
  const obstacles: string[] = [];
  if (!status.enabled) obstacles.push('**disabled** by REAPER_ENABLED=false of the worker');
  if (status.paused) {
    obstacles.push(
      `**paused** by ${sentence(status.paused_by ?? 'an unknown operator')}: ${sentence(status.paused_reason ?? 'no reason given')}`,
    );
  }
  if (status.mode === 'observe') {
    obstacles.push('**observe**, the dry run: `job-reaper report` lists what would be reaped');
  }
  // Missing from what a worker of the previous version recorded.
  if (status.braked) {
    obstacles.push(
      `**stopped itself**: job ${code(status.braked.job_id)} was reaped, but its process is alive; see \`job-reaper status\``,
    );
  }
  if (obstacles.length === 0) return '**active**, dead runs are reaped';
  return `${obstacles.join('; ')}. Nothing is claimed`;
}

function describeSweep(sweep: SweepSummary | null): string {
  if (sweep === null) return '**Last sweep**: none yet.';
  const { number, atMs, running, symptoms, error } = sweep;
  const seen = `${running} running, ${symptoms} with a symptom`;
  return `**Last sweep**: no. ${number} at ${moment(atMs)}: ${error === null ? seen : `failed: ${sentence(error)}`}.`;
}

function describeHosts(sweep: SweepSummary | null): string {
  const { hostsAnswered: answered = [], hostsWithoutProbe: silent = [], hostsFailing = {} } = sweep ?? {};
  // Missing from older versions.
  const healthy = (sweep as Partial<SweepSummary> | null)?.hostsHealthy ?? 0;
  const parts = [
    `**Hosts**: ${answered.length} answered${answered.length > 0 ? ` (${list(answered)})` : ''}`,
  ];
  if (healthy > 0) parts.push(`${healthy} were not asked: their probes report that nothing is wrong`);
  if (silent.length > 0) {
    parts.push(
      `**no probe** on ${list(silent)}: runs there are unknown and left alone until a worker starts there ` +
        'or `job-reaper host-gone` declares the host dead',
    );
  }
  const failing = Object.entries(hostsFailing);
  if (failing.length > 0) {
    const causes = failing.slice(0, LISTED_ROWS).map(([host, cause]) => `${code(host)} (${sentence(cause)})`);
    parts.push(`**the probe fails** on ${failing.length}, such as ${causes.join(', ')}`);
  }
  return `${parts.join('; ')}.`;
}

function describeTrouble(status: Reaper['status']): string[] {
  // Missing from older versions.
  const { count, first } = (status as Partial<Status> | null)?.claim_trouble ?? { count: 0, first: [] };
  if (count === 0) return [];
  const runs = first.map((run) => `${code(run.job_id)} (${sentence(run.why)}; next try at ${run.retry_at})`);
  return [`**Runs that cannot be claimed**: ${count}, such as ${runs.join(', ')}.`];
}

function describeWaiting(sweep: SweepSummary | null): string[] {
  const { waiting = 0, waitingJobs = [] }: Partial<SweepSummary> = sweep ?? {};
  if (waiting === 0) return [];
  return [
    `**Runs waiting for a watch**: ${waiting}, such as ${waitingJobs.map((id) => code(id)).join(', ')}: raise REAPER_MAX_WATCHES.`,
  ];
}

function describeRows(sweep: SweepSummary | null): string[] {
  if (sweep === null || sweep.unwatchableCount === 0) return [];
  const rows = sweep.unwatchable.slice(0, LISTED_ROWS).map(({ jobId, why }) => `${code(jobId)} (${why})`);
  return [`**Rows that cannot be watched**: ${sweep.unwatchableCount}, such as ${rows.join(', ')}.`];
}

function describeTotals(status: Reaper['status']): string {
  const { reaped_total: reaped = 0, last_reaped: last, lease_reclaimed_total: leases = 0 } = status ?? {};
  const newest = last ? `, most recently job ${code(last.job_id)} as ${last.outcome}` : '';
  return `**Reaped so far**: ${reaped}${newest}. Leases reclaimed: ${leases}.`;
}

function describeWatches({ watches, lastSeen, policy, status, lastSweep }: Reaper): string {
  const isBlocked = status !== null && (status.paused || !status.enabled);
  const { hostsWithoutProbe: silent = [], hostsFailing: failing = {} } = lastSweep ?? {};
  const hasSymptom = ({ watchId }: OpenWatch) => Number(lastSeen.get(watchId)?.symptom != null);
  // Those with a symptom first: that is what people look for.
  const sorted = [...watches.values()].sort((a, b) => hasSymptom(b) - hasSymptom(a));
  const rows = sorted.slice(0, LISTED_WATCHES).map(({ jobId, watchId }) => {
    const { host = null, symptom = null } = lastSeen.get(watchId) ?? {};
    return [code(jobId), host === null ? '' : code(host), why(host, symptom)];
  });
  const { watchAllLimit = '?', maxWatches = '?' } = policy ?? {};
  const head = `**Watching**: ${watches.size} of at most ${maxWatches} runs (all of them while there are at most ${watchAllLimit}, else those with a symptom)`;
  const more = watches.size > rows.length ? `\n\nand ${watches.size - rows.length} more` : '';
  return rows.length === 0 ? `${head}.` : `${head}:\n\n${table(['job', 'host', 'why'], rows)}${more}`;

  function why(host: string | null, symptom: string | null): string {
    if (symptom !== null) return `**${SYMPTOMS[symptom] ?? symptom}**`;
    if (isBlocked) return 'not checked: nothing is claimed';
    if (host !== null && silent.includes(host)) return 'unknown: no probe on its host';
    if (host !== null && failing[host] !== undefined) return 'unknown: the probe on its host fails';
    return 'no symptom';
  }
}

const SYMPTOMS: Readonly<Record<string, string>> = {
  dead: 'its process is dead',
  defunct: 'its process is defunct: it has exited, but its parent has not collected it',
  'exit code': 'its exit code is recorded, but it is still marked running',
  age: 'it is over its ceiling',
  'host gone': 'its host was declared gone',
};

const HOW_TO = [
  '**To act**, send this workflow a signal (input is optional; `{"by": "…", "reason": "…"}` is recorded):',
  table(
    ['signal', 'effect'],
    [
      ['`pause`, `resume`', 'stop claiming; continue'],
      ['`observe`, `activate`', 'dry run; reap'],
      ['`hold`, `release`', 'leave a run alone; end that: `{"kind": "job", "value": "42", "seconds": 3600}`'],
      ['`forceSweep`', 'sweep now'],
    ],
  ),
  'Do not terminate it: it would be started again. For the story of one run, open its `watchJob` workflow or run `job-reaper explain`.',
].join('\n\n');
