import { messageOf } from '../domain/trouble.js';

/** Receives one finished line per event. Silent servers get `() => undefined`. */
export type ServerLog = (line: string) => void;

/** Seconds between two "still ..." lines. */
const TICK_S = 20;

/**
 * Says every {@link TICK_S} seconds that `work` still goes on, so that nobody takes a slow start for a hang.
 *
 * @param what - continues the sentence "still ...", e.g. `building the dev server`
 * @param onTick - also called at each tick
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

/** The text of whatever was thrown, on one line. */
export function reasonOf(error: unknown): string {
  const text = messageOf(error);
  return text.replace(/\s+/g, ' ').trim();
}
