import { colors } from '../../src/cli/colors.js';
import { fitWidth } from '../../src/fit-width.js';
import type { Result } from '../fates/play.js';

const OUTCOMES = { queued: 'requeued', done: 'done', failed: 'failed' };
/** Columns: a continued fact begins where it began. */
const HANG = 'expected: '.length;
const LEFT_ALONE = 'left alone';

/** The result: a line for each fate, and below it any differences from what was expected. Fits 80 columns. */
export function finalTable(results: readonly Result[]): string {
  const width = Math.max(...results.map(({ fate }) => fate.name.length));
  const lines = results.flatMap((result) => [lineOf(result, width), ...differences(result)]);
  const wrong = results.filter(({ isTrue }) => !isTrue).length;
  const verdict =
    wrong === 0
      ? `${colors.green(`All ${results.length} fates came true.`)} Seconds: from the kill to the repair.`
      : colors.red(`${wrong} of ${results.length} fates did not come true.`);
  return ['', ...lines, '', verdict].join('\n');
}

function lineOf({ fate, outcome, repairS, isTrue }: Result, width: number): string {
  const mark = isTrue ? colors.green('✓') : colors.red('✗');
  const became = outcome === null ? LEFT_ALONE : OUTCOMES[outcome];
  const seconds = repairS === null ? '' : `${repairS.toFixed(1)} s`;
  return `${mark} ${fate.name.padEnd(width)} ${became.padEnd(LEFT_ALONE.length)} ${seconds.padStart(6)}`.trimEnd();
}

function differences({ fate, seen, isTrue }: Result): string[] {
  if (isTrue) return [];
  const missing = fate.expected.filter((fact) => !seen.includes(fact));
  const unexpected = seen.filter((fact) => !fate.expected.includes(fact));
  const lines = [
    ...missing.map((fact) => `expected: ${fact}`),
    ...unexpected.map((fact) => `got:      ${fact}`),
  ];
  return lines.map((line) => colors.red(fitWidth(`    ${line}`, process.stdout.columns, HANG)));
}
