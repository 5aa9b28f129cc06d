// What the Web UI shows is Markdown, and ids and reasons are data: they must not become markup, nor be endless.

const LONGEST = 60;
const LONGEST_SENTENCE = 300;
const LISTED = 8;

/** An id, as code. */
export function code(text: string): string {
  return `\`${text.slice(0, LONGEST).replaceAll(/[`|\s]/g, ' ')}\``;
}

/** Somebody's words, on one line and without markup. */
export function sentence(text: string): string {
  return text
    .slice(0, LONGEST_SENTENCE)
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\\`*_[\]<>|]/g, '\\$&');
}

/** Ids, the first of them. */
export function list(ids: readonly string[]): string {
  const more = ids.length > LISTED ? ` and ${ids.length - LISTED} more` : '';
  return `${ids.slice(0, LISTED).map(code).join(', ')}${more}`;
}

/** A moment in UTC, to the second. */
export function moment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
