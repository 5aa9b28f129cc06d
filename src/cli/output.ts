/** Prints a value for a program to read. Dates become ISO 8601. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/** The end of a command's `--help`: command lines to copy. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}

/** `1 time`, `2 times` */
export function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** Formats a time for tables: UTC, to the second. */
export function formatTime(moment: Date): string {
  return `${moment.toISOString().slice(0, 19)}Z`;
}
