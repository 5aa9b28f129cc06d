import { messageOf } from '../domain/trouble.js';

/** Receives one complete line per event. Pass `() => undefined` for silence. */
export type ServerLog = (line: string) => void;

/** Seconds between two "still ..." lines. */
const TICK_S = 20;

/**
 * Logs every {@link TICK_S} seconds that `work` is still running, so that a slow start does not look like a hang.
 *
 * @param what continues the sentence "still ...", e.g. `building the dev server`
 * @param onTick also called at each tick
 * @returns what `work` returns
 */
export async function withProgress<T>(
  log: ServerLog,
  what: string,
  work: () => Promise<T>,
  onTick?: () => void,
): Promise<T> {
  const startedAt = performance.now();
  const timer = setInterval(() => {
    log(`still ${what} (${Math.round((performance.now() - startedAt) / 1000)} s so far)`);
    onTick?.();
  }, TICK_S * 1000);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** The message of whatever was thrown, on one line. */
export function reasonOf(error: unknown): string {
  const text = messageOf(error);
  return text.replace(/\s+/g, ' ').trim();
}
