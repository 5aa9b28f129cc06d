import type { HostWatch } from './host-watch-state.js';
import { code, list, sentence, table } from './markdown.js';

/** A host watch's page in the Web UI: whose runs it repairs, what it is doing now, and what became of them so far. */
export function describeHostWatch(watch: HostWatch): string {
  const { host, counts, sample, why } = watch;
  const whose = host === null ? 'The running jobs that name **no host**' : `**Host** ${code(host)}`;
  return [
    `${whose}: too many show a symptom to watch them one by one.`,
    `**Now**: ${describeNow(watch)}`,
    table(
      ['', 'runs'],
      [
        ['seen', String(counts.seen)],
        ['proven to be reaped', String(counts.proven)],
        ['claimed', String(counts.claimed)],
        ['ended by others first', String(counts.lost)],
        ['recorded by the dry run', String(counts.recorded)],
        ['alerted about', String(counts.alerted)],
        ['held', String(counts.held)],
        ['left to the sweep', String(counts.left)],
      ],
    ),
    ...(sample.length > 0 ? [`**Claimed**, such as ${list(sample)}`] : []),
    ...(why.length > 0 ? ['**Left**, because', why.map((reason) => `- ${sentence(reason)}`).join('\n')] : []),
    'Each claim, with its evidence: `job-reaper ledger`, and `job-reaper explain <job>`',
  ].join('\n\n');
}

function describeNow({ phase, waves, stopped }: HostWatch): string {
  const wave = `wave ${waves + 1}`;
  switch (phase) {
    case 'looking':
      return `${wave}: checking the rows and, on the host, their processes.`;
    case 'waiting':
      return `${wave}: waiting to look again at those that look dead.`;
    case 'settling':
      return `${wave}: claiming what was proven.`;
    case 'over':
      return stopped === null
        ? 'over. What is left is up to the next sweep.'
        : `ended early: ${sentence(stopped)}.`;
  }
}
