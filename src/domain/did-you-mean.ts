import { closest, distance } from 'fastest-levenshtein';

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
