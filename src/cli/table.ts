import Table from 'cli-table3';
import { colors } from './colors.js';

/** A cell; null and undefined print as a dash. */
export type Cell = string | number | boolean | null | undefined;

const MIN_COLUMN = 8;
/** The longest word that a column keeps whole; longer ones are broken where there is no room. As long as a UUID. */
const LONGEST_WHOLE = 36;
/** If wrapped columns get narrower than this, they are hard to read: then optional columns make room. */
const READABLE_COLUMN = 12;
/** Rules between rows would double the height. */
const WITHOUT_RULES = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };
/** A time as programs read it; people read it with a space, where it can also wrap. */
const ISO_TIME = /(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d+)?Z)/g;
/** Columns for borders and padding beside a cell's text. */
const BESIDE_TEXT = 3;

/**
 * Draws a table. On a terminal, it fits the width: the widest columns wrap between words, and times between date and clock. Elsewhere,
 * each row stays on one line, for `grep`.
 *
 * @param columns the terminal's width
 * @param optional names of columns that a narrow terminal hides, in this order; a note below lists the hidden ones
 */
export function renderTable(
  head: string[],
  rows: Cell[][],
  columns: number | undefined = process.stdout.columns,
  optional: readonly string[] = [],
): string {
  // A terminal without a size reports 0.
  const width = columns === 0 ? undefined : columns;
  const all = [head, ...rows.map((row) => row.map((cell) => printed(cell, width)))];
  const hidden = findHidden(all, width, optional);
  const cells = all.map((row) => row.filter((_, column) => !hidden.includes(head[column] ?? '')));
  const widths = fitWidths(cells, width);
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
  const words = wordWidths(cells);
  const needed = new Map(
    naturalWidths(cells).map((natural, column) => [
      cells[0]?.[column],
      BESIDE_TEXT + Math.max(Math.min(natural, READABLE_COLUMN), words[column] ?? 0),
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

function printed(cell: Cell, width: number | undefined): string {
  const text = cell === null || cell === undefined || cell === '' ? '-' : String(cell);
  return width === undefined ? text : text.replaceAll(ISO_TIME, '$1 $2');
}

function naturalWidths(cells: string[][]): number[] {
  return widestOf(cells, (cell) => cell.length);
}

/** The widths below which columns break words. */
function wordWidths(cells: string[][]): number[] {
  return widestOf(cells, (cell) =>
    Math.min(LONGEST_WHOLE, Math.max(...cell.split(' ').map((word) => word.length))),
  );
}

function widestOf(cells: string[][], widthOf: (cell: string) => number): number[] {
  const columns = cells[0]?.length ?? 0;
  return Array.from({ length: columns }, (_, column) =>
    Math.max(...cells.map((row) => widthOf(row[column] ?? ''))),
  );
}

/**
 * Shrinks the widest column until all fit: first those with room between words, then those whose words must break. If the terminal is
 * too narrow for that, the table is too wide.
 */
function fitWidths(cells: string[][], width: number | undefined): number[] {
  const widths = naturalWidths(cells);
  if (width === undefined) return widths;
  const room = width - 1 - BESIDE_TEXT * widths.length;
  return shrink(
    shrink(widths, wordWidths(cells), room),
    widths.map(() => MIN_COLUMN),
    room,
  );
}

/** Shrinks the widest column that is above its minimum, until all fit or none is. */
function shrink(widths: readonly number[], minimums: readonly number[], room: number): number[] {
  const fitted = [...widths];
  for (;;) {
    const excess = fitted.reduce((sum, each) => sum + each, 0) - room;
    const shrinkable = fitted.map((each, column) => (each > (minimums[column] ?? 0) ? each : 0));
    const widest = Math.max(...shrinkable);
    if (excess <= 0 || widest === 0) return fitted;
    fitted[shrinkable.indexOf(widest)] = widest - 1;
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
