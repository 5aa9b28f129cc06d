import { closest, distance } from 'fastest-levenshtein';

const SHOWN = 100;

/** A value as error texts show it: quoted, on one line, not too long. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) return typeof value;
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`;
}

/** `; did you mean "test"?` if one of the words is close enough, else nothing. */
export function didYouMean(word: string, words: readonly string[]): string {
  const nearest = nearestTo(word, words);
  return nearest === undefined ? '' : `; did you mean "${nearest}"?`;
}

/**
 * The word that was probably meant, or undefined if none is close.
 *
 * @param maxTypos letters that may be wrong, missing or extra; fewer in short words
 */
export function nearestTo(word: string, words: readonly string[], maxTypos = 3): string | undefined {
  if (words.length === 0) return undefined;
  const nearest = closest(word, words);
  const typos = distance(word.toLowerCase(), nearest.toLowerCase());
  return typos < word.length && typos <= Math.min(maxTypos, Math.ceil(word.length / 2)) ? nearest : undefined;
}

/** The words as a choice: `git, sql or command`. */
export function oneOf(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`;
}
