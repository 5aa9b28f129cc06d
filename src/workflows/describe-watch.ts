import type { Watch } from './watch-state.js';
import { code, moment, sentence } from './markdown.js';

/**
 * A watch's page in the Web UI: which run it looks after, what it is doing now, and the story so far: what was seen, proven,
 * decided and done.
 */
export function describeWatch(watch: Watch): string {
  const { jobId, runKey } = watch.input;
  return [
    `**Job** ${code(jobId)}, run ${code(runKey)}${describeRun(watch)}`,
    `**Now**: ${describeNow(watch)}`,
    '**Story**',
    watch.story.map(describeLine).join('\n'),
    `Everything that is known: \`job-reaper explain ${jobId.slice(0, 200).replaceAll('`', ' ')}\``,
  ].join('\n\n');
}

function describeRun({ run }: Watch): string {
  if (run === null) return '';
  const facts = [
    ['agent', run.agent],
    ['repo', run.repo],
    ['host', run.host],
    ['pid', run.pid],
    ['attempt', run.attempts === null ? null : `${run.attempts} of ${run.maxAttempts ?? 2}`],
  ];
  return facts.flatMap(([name, value]) => (value == null ? [] : `, ${name} ${code(String(value))}`)).join('');
}

function describeNow({ phase, why, nextLookMs }: Watch): string {
  switch (phase) {
    case 'parked':
      return `parked (${sentence(why)}). A sweep that sees a symptom or the end of the run wakes it.`;
    case 'waiting':
      return `${sentence(why)}; next look at ${nextLookMs === null ? '?' : moment(nextLookMs)}.`;
    case 'looking':
      return 'checking the row and, on its host, the process.';
    case 'claiming':
      return 'decided to reap: asks the gate if there is one, then claims.';
    case 'over':
      return 'over. Nothing more will be done about this run.';
  }
}

/** Highlights the verb: seen, proven, decided, done. */
function describeLine(line: string): string {
  const [, at = '', verb = '', colon = '', rest = ''] =
    /^(\S+) (gave up|not counted|\w+)(:?) ?(.*)$/.exec(line) ?? [];
  return `- ${at.slice(0, 19).replace('T', ' ')} **${verb}**${colon} ${sentence(reworded(verb, rest))}`;
}

/** The Web UI would show 1/2 as a fraction, and what the page says elsewhere needs no repeating. */
function reworded(verb: string, rest: string): string {
  switch (verb) {
    case 'deferred':
      return rest
        .replace(/^job .* (?=(pid|exit_code)=)/, '')
        .replace(/, deferring$/, '')
        .replace(/(\d+)\/(\d+)/, '$1 of $2');
    case 'done':
      return rest.replace(/^(done|failed|queued)\b/, (outcome) => OUTCOMES[outcome] ?? outcome);
    default:
      return rest;
  }
}

const OUTCOMES: Readonly<Record<string, string>> = {
  done: 'marked done',
  failed: 'marked failed',
  queued: 'requeued',
};
