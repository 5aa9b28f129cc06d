import { fitWidth } from '../fit-width.js';

/** Prints text for people: a terminal gets lines that fit it. Not for tables, which do that themselves. */
export function say(text: string, hang = 0): void {
  console.log(fitWidth(text, process.stdout.columns, hang));
}

/** Like {@link say}, on standard error. */
export function complain(text: string): void {
  console.error(fitWidth(text, process.stderr.columns));
}

/** Prints a value for a program to read. Dates become ISO 8601. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/** The end of a command's `--help`: command lines to copy. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}
