import pc from 'picocolors';
import { renderTable } from '../../src/cli/table.js';
import type { Result } from '../fates/play.js';

/** The last word: every fate, what was expected of it, what was seen. */
export function finalTable(results: readonly Result[]): string {
  const rows = results.map(({ fate, seen, repairS }) => [
    fate.name,
    fate.expected.join('; '),
    seen.join('; '),
    repairS?.toFixed(1),
  ]);
  const wrong = results.filter(({ isTrue }) => !isTrue).length;
  const verdict =
    wrong === 0
      ? pc.green(`All ${results.length} fates came true.`)
      : pc.red(`${wrong} of ${results.length} fates did not come true.`);
  return `${renderTable(['fate', 'expected', 'seen', 's to repair'], rows)}\n${verdict}`;
}
