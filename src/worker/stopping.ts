import { setTimeout } from 'node:timers/promises';
import type { Logger } from '../log.js';

/** Milliseconds in which a worker ends after it was told to, whatever hangs. */
export const STOP_MS = 20_000;
/** Milliseconds after which it says what it waits for. */
const SAY_AFTER_MS = 6_000;

/** Thrown when something hangs for so long that the worker ends without it. Its process has to be ended: it may be kept alive. */
export class StuckError extends Error {
  override name = 'StuckError';
}

/** The waits of a worker that have a name: for whoever wonders what a stop waits for. */
export class Waits {
  readonly #names = new Set<{ what: string }>();

  get names(): string[] {
    return [...this.#names].map(({ what }) => what);
  }

  /** Waits, and is on the list meanwhile. */
  async during<T>(what: string, work: Promise<T>): Promise<T> {
    const entry = { what };
    this.#names.add(entry);
    try {
      return await work;
    } finally {
      this.#names.delete(entry);
    }
  }
}

/** What {@link endInTime} needs. */
export interface EndInTimeOptions {
  /** Tells the worker to end. */
  signal: AbortSignal;
  log: Logger;
  /** What the worker waits for now. */
  pending: () => string[];
  /** @default 20000 */
  limitMs?: number;
}

/**
 * Lets work go on until it is over, but after the signal only for a time.
 *
 * @throws what the work throws, and StuckError with the names of what hangs
 */
export async function endInTime<T>(work: Promise<T>, options: EndInTimeOptions): Promise<T> {
  const { signal, log, pending, limitMs = STOP_MS } = options;
  const over = new AbortController();
  const tooLong = async (): Promise<never> => {
    await aborted(signal, over.signal);
    const sayAfterMs = Math.min(SAY_AFTER_MS, limitMs);
    await setTimeout(sayAfterMs, undefined, { signal: over.signal });
    log.warn(`still stopping, waiting for ${list(pending())}`);
    await setTimeout(limitMs - sayAfterMs, undefined, { signal: over.signal });
    throw new StuckError(
      `Expected the worker to end within ${limitMs / 1000} s, got it still waiting for ${list(pending())}: it ends without; what it did not finish is done again elsewhere`,
    );
  };
  try {
    return await Promise.race([work, tooLong()]);
  } finally {
    over.abort();
    // Nobody hears of it any more.
    work.catch(() => undefined);
  }
}

function list(what: string[]): string {
  return what.length === 0 ? 'something without a name' : what.join(', ');
}

/** Resolves when the signal aborts; rejects when nobody waits for that any more. */
async function aborted(signal: AbortSignal, over: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve, reject) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    over.addEventListener('abort', () => reject(new Error('over')), { once: true });
  });
}
