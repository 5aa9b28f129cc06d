import Table from 'cli-table3';
import { colors } from './colors.js';

/** A cell; null and undefined print as a dash. */
export type Cell = string | number | boolean | null | undefined;

const MIN_COLUMN = 8;
/** If wrapped columns get narrower than this, they are hard to read: then optional columns make room. */
const READABLE_COLUMN = 12;
/** Rules between rows would double the height. */
const WITHOUT_RULES = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };
/** Columns for borders and padding beside a cell's text. */
const BESIDE_TEXT = 3;

/**
 * Draws a table. On a terminal, it fits the width: the widest columns wrap. Elsewhere, each row stays on one line, for
 * `grep`.
 *
 * @param width the terminal's width in columns
 * @param optional names of columns that a narrow terminal hides, in this order; a note below lists the hidden ones
 */
export function renderTable(
  head: string[],
  rows: Cell[][],
  width: number | undefined = process.stdout.columns,
  optional: readonly string[] = [],
): string {
  const all = [head, ...rows.map((row) => row.map(printed))];
  const hidden = findHidden(all, width, optional);
  const cells = all.map((row) => row.filter((_, column) => !hidden.includes(head[column] ?? '')));
  const widths = fitWidths(naturalWidths(cells), width);
  const [wrappedHead = [], ...wrapped] = cells.map((row) =>
    row.map((cell, column) => wrap(cell, widths[column] ?? Infinity)),
  );
  const table = new Table({
    head: wrappedHead.map((cell) => colors.bold(cell)),
    style: { head: [], border: [] },
    chars: WITHOUT_RULES,
  });
  table.push(...wrapped);
  if (hidden.length === 0) return table.toString();
  return `${table.toString()}\nHidden columns: ${hidden.join(', ')} (--json shows all).`;
}

/** The optional columns to hide, so that the others are readable. */
function findHidden(cells: string[][], width: number | undefined, optional: readonly string[]): string[] {
  if (width === undefined) return [];
  const needed = new Map(
    naturalWidths(cells).map((natural, column) => [
      cells[0]?.[column],
      BESIDE_TEXT + Math.min(natural, READABLE_COLUMN),
    ]),
  );
  const hidden: string[] = [];
  for (const name of optional) {
    if ([...needed.values()].reduce((sum, each) => sum + each, 1) <= width) break;
    needed.delete(name);
    hidden.push(name);
  }
  return hidden;
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

/** Shrinks the widest column until all fit. If the terminal is too narrow for that, the table is too wide. */
function fitWidths(widths: number[], width: number | undefined): number[] {
  if (width === undefined) return widths;
  const room = width - 1 - BESIDE_TEXT * widths.length;
  const fitted = [...widths];
  for (;;) {
    const excess = fitted.reduce((sum, each) => sum + each, 0) - room;
    const widest = Math.max(...fitted);
    if (excess <= 0 || widest <= MIN_COLUMN) return fitted;
    fitted[fitted.indexOf(widest)] = widest - 1;
  }
}

/** Wraps between words, and within a word that is longer than a line. */
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
