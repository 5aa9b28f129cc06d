import { stripVTControlCharacters } from 'node:util';

/**
 * Wraps each line that is longer than a terminal between words, indented like the line itself. Elsewhere nothing changes: what is piped
 * stays one line for `grep`. A word that is longer than a line stays whole, so that it can be copied.
 *
 * @param width the terminal's width in columns; undefined or 0 if there is no terminal
 * @param hang columns by which a continued line is indented further
 */
export function fitWidth(text: string, width: number | undefined, hang = 0): string {
  if (!width) return text;
  return text
    .split('\n')
    .map((line) => fitLine(line, width, hang))
    .join('\n');
}

function fitLine(line: string, width: number, hang: number): string {
  if (lengthOf(line) <= width) return line;
  const own = /^ */.exec(line)?.[0] ?? '';
  const indent = own + ' '.repeat(hang);
  const [first = '', ...words] = line.slice(own.length).split(' ');
  const lines = [own + first];
  for (const word of words) {
    const current = lines.at(-1) ?? '';
    if (lengthOf(current) + 1 + lengthOf(word) <= width) lines[lines.length - 1] = `${current} ${word}`;
    else lines.push(indent + word);
  }
  return lines.join('\n');
}

/** What a terminal shows of it: colors take no room. */
function lengthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}
