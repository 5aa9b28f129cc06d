import Table from 'cli-table3';
import pc from 'picocolors';

/** A cell; null and undefined print as a dash. */
export type Cell = string | number | boolean | null | undefined;

const LEAST_COLUMN = 8;
/** Rules between rows would double the height. */
const WITHOUT_RULES = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };
/** What borders and padding take beside a column's text. */
const BESIDE_TEXT = 3;

/**
 * Draws a table. On a terminal it fits its width: the widest columns wrap. Elsewhere each row stays on one line, for
 * `grep`.
 *
 * @param width columns of the terminal
 */
export function renderTable(
  head: string[],
  rows: Cell[][],
  width: number | undefined = process.stdout.columns,
): string {
  const cells = [head, ...rows.map((row) => row.map(printed))];
  const widths = fitWidths(naturalWidths(cells), width);
  const [wrappedHead = [], ...wrapped] = cells.map((row) =>
    row.map((cell, column) => wrap(cell, widths[column] ?? Infinity)),
  );
  const table = new Table({
    head: wrappedHead.map((cell) => pc.bold(cell)),
    style: { head: [], border: [] },
    chars: WITHOUT_RULES,
  });
  table.push(...wrapped);
  return table.toString();
}

function printed(cell: Cell): string {
  return cell === null || cell === undefined || cell === '' ? '-' : String(cell);
}

function naturalWidths(cells: string[][]): number[] {
  const columns = cells[0]?.length ?? 0;
  return Array.from({ length: columns }, (_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
}

/** Takes from the widest column until all fit. A terminal too narrow for that gets a table that is too wide. */
function fitWidths(widths: number[], width: number | undefined): number[] {
  if (width === undefined) return widths;
  const room = width - 1 - BESIDE_TEXT * widths.length;
  const fitted = [...widths];
  for (;;) {
    const excess = fitted.reduce((sum, each) => sum + each, 0) - room;
    const widest = Math.max(...fitted);
    if (excess <= 0 || widest <= LEAST_COLUMN) return fitted;
    fitted[fitted.indexOf(widest)] = widest - 1;
  }
}

/** Breaks between words, and inside a word that is longer than a line. */
function wrap(text: string, width: number): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
      continue;
    }
    for (let rest = word; ; rest = rest.slice(width)) {
      lines.push(rest.slice(0, width));
      if (rest.length <= width) break;
    }
  }
  return lines.join('\n');
}
