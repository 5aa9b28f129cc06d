import pg from 'pg';

/** A character that the database's encoding lacks. */
const UNTRANSLATABLE = '22P05';

/** Makes a text, or all texts in a value that is written as JSON, storable. */
export type Fit = <T>(value: T) => T;

const asItIs: Fit = (value) => value;
const inAscii: Fit = <T>(value: T) => JSON.parse(JSON.stringify(value).replaceAll(/\P{ASCII}/gu, '?')) as T;

/**
 * Sends texts that people, gates and probes wrote. If the database's encoding lacks a character of them, sends them once more with `?` for
 * all that is not ASCII: a pause or a repair matters more than how it was explained. Names of rows must not be fitted, because another
 * row could have the name that results.
 *
 * @param send gets what makes these texts storable
 */
export async function withStorableText<T>(send: (fit: Fit) => Promise<T>): Promise<T> {
  try {
    return await send(asItIs);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError && error.code === UNTRANSLATABLE)) throw error;
    return send(inAscii);
  }
}
