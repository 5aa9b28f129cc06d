/** Values that one label takes at most, beside {@link OTHER}. */
export const LABEL_LIMIT = 50;
const LONGEST_VALUE = 100;

/** Stands for all values beyond the limit. */
export const OTHER = 'other';
/** Stands for a value that is not there. */
export const NONE = 'none';

/**
 * Maps what users name (agents, hosts) to a bounded number of label values: the first {@link LABEL_LIMIT} given stand for
 * themselves, all others for `other`. Whoever counts upwards gives them in an order that does not change, so that nobody
 * moves from one label to another.
 */
export function boundLabels(values: Iterable<string>): (value: string) => string {
  const known = new Set<string>();
  for (const value of values) {
    if (known.size >= LABEL_LIMIT) break;
    known.add(value);
  }
  return (value) => {
    if (!known.has(value)) return OTHER;
    return value === '' ? NONE : value.slice(0, LONGEST_VALUE);
  };
}
