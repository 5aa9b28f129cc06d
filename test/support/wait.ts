import { setTimeout } from 'node:timers/promises';

/** Waits for a result other than false, null, undefined and 0. Fails with what was waited for. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | Falsy> | T | Falsy,
  limitMs = 180_000,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  let lastError: unknown;
  do {
    try {
      const seen = await look();
      if (isThere(seen)) return seen;
    } catch (error) {
      lastError = error;
    }
    await setTimeout(50);
  } while (Date.now() < deadline);
  throw new Error(`Expected within ${limitMs} ms: ${what}`, { cause: lastError });
}

type Falsy = false | null | undefined | 0;

function isThere<T>(seen: T | Falsy): seen is T {
  return seen !== false && seen !== null && seen !== undefined && seen !== 0;
}
