/** Prints a value for a program to read. Dates become ISO 8601. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/** The end of a command's `--help`: command lines to copy. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}
