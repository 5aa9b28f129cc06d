/** A text as one word of a POSIX shell; plain words stay as they are. */
export function quoteForShell(text: string): string {
  if (/^[A-Za-z0-9._:@/-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
