import pg from 'pg';

/** A character that the database's encoding lacks. */
const UNTRANSLATABLE = '22P05';

/** Makes a text storable. */
export type Fit = (text: string) => string;

const asItIs: Fit = (text) => text;
const inAscii: Fit = (text) => text.replaceAll(/\P{ASCII}/gu, '?');

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
