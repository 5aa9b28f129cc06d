import { setTimeout } from 'node:timers/promises';
import { report } from './report.js';

const FIRST_WAIT_MS = 200;
const MAX_WAIT_MS = 10_000;

/**
 * Retries until it works: a monitor that gave up because Postgres restarts would leave a zombie job behind. Only for work
 * that may be repeated.
 */
export async function retry<T>(what: string, work: () => Promise<T>): Promise<T> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
    try {
      return await work();
    } catch (error) {
      report({ event: 'trouble', what, error: String(error) });
      await setTimeout(waitMs);
    }
  }
}
