// The Web UI shows Markdown. Ids and reasons are data: they must neither become markup nor be arbitrarily long.

const MAX_CODE = 60;
const MAX_SENTENCE = 300;
const MAX_LISTED = 8;

/** An id, as code. */
export function code(text: string): string {
  return `\`${text.slice(0, MAX_CODE).replaceAll(/[`|\s]/g, ' ')}\``;
}

/** Free text, on one line and without markup. */
export function sentence(text: string): string {
  return text
    .slice(0, MAX_SENTENCE)
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\\`*_[\]<>|]/g, '\\$&');
}

/** The first of some ids, and how many more there are. */
export function list(ids: readonly string[]): string {
  const more = ids.length > MAX_LISTED ? ` and ${ids.length - MAX_LISTED} more` : '';
  return `${ids.slice(0, MAX_LISTED).map(code).join(', ')}${more}`;
}

/** A moment in UTC, to the second. */
export function moment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
