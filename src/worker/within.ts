import { setTimeout } from 'node:timers/promises';
import { TemporalSilentError } from '../temporal/explain-error.js';

/**
 * Limits the time of a call of Temporal's native client, some of which have no limit of their own.
 *
 * @param late handles a result that comes after the limit
 * @throws TemporalSilentError after the limit, or when the signal aborts
 */
export async function within<T>(
  limitMs: number,
  signal: AbortSignal,
  work: Promise<T>,
  late: (result: T) => unknown = () => undefined,
): Promise<T> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  let isLate = false;
  const end = async (): Promise<never> => {
    await setTimeout(limitMs, undefined, { signal: either }).catch(() => undefined);
    if (!over.signal.aborted) isLate = true;
    throw new TemporalSilentError(limitMs);
  };
  try {
    return await Promise.race([work, end()]);
  } finally {
    over.abort();
    work.then((result) => (isLate ? late(result) : undefined)).catch(() => undefined);
  }
}
