import { setTimeout } from 'node:timers/promises';
import type { Logger } from '../log.js';

/** Milliseconds in which a worker stops after it was told to, whatever hangs. */
export const STOP_MS = 20_000;
/** Milliseconds after which it logs what it waits for. */
const SAY_AFTER_MS = 6_000;

/** Thrown if something hangs so long that the worker stops without it. It may keep the process alive, so end the process. */
export class StuckError extends Error {
  override name = 'StuckError';
}

/** A worker's named waits, to say what a stop is waiting for. */
export class Waits {
  readonly #names = new Set<{ what: string }>();

  get names(): string[] {
    return [...this.#names].map(({ what }) => what);
  }

  /** Waits; the wait is on the list meanwhile. */
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
  /** Tells the worker to stop. */
  signal: AbortSignal;
  log: Logger;
  /** What the worker waits for now. */
  pending: () => string[];
  /** @default 20000 */
  limitMs?: number;
}

/**
 * Waits until work is over, but only for a limited time after the signal.
 *
 * @throws what the work throws, or StuckError with the names of what hangs
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
      `Expected the worker to stop within ${limitMs / 1000} s, but it was still waiting for ${list(pending())}: it stops anyway; other workers redo what it did not finish`,
    );
  };
  try {
    return await Promise.race([work, tooLong()]);
  } finally {
    over.abort();
    // Nothing handles its failure any more.
    work.catch(() => undefined);
  }
}

function list(what: string[]): string {
  return what.length === 0 ? 'something without a name' : what.join(', ');
}

/** Resolves when the signal aborts; rejects when nothing waits for that any more. */
async function aborted(signal: AbortSignal, over: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve, reject) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    over.addEventListener('abort', () => reject(new Error('over')), { once: true });
  });
}
