/** The maximum number of values of a label, besides {@link OTHER}. */
export const LABEL_LIMIT = 50;
const MAX_CHARACTERS = 100;

/** Stands for all values beyond the limit. */
export const OTHER = 'other';
/** Stands for a missing value. */
export const NONE = 'none';

/**
 * Maps names that users choose (agents, hosts) to a bounded number of label values: the first {@link LABEL_LIMIT} keep their
 * name, all others become `other`. For a counter, pass them in an order that never changes, so that none moves from one label
 * to another.
 */
export function boundLabels(values: Iterable<string>): (value: string) => string {
  const known = new Set<string>();
  for (const value of values) {
    if (known.size >= LABEL_LIMIT) break;
    known.add(value);
  }
  return (value) => {
    if (!known.has(value)) return OTHER;
    return value === '' ? NONE : value.slice(0, MAX_CHARACTERS);
  };
}
