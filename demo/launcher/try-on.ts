import { setTimeout } from 'node:timers/promises';
import { report } from './report.js';

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 10_000;

/**
 * Does something until it works: a monitor that gave up because Postgres restarts would leave a zombie job behind. Only
 * for what may be done again.
 */
export async function tryOn<T>(what: string, work: () => Promise<T>): Promise<T> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    try {
      return await work();
    } catch (error) {
      report({ event: 'trouble', what, error: String(error) });
      await setTimeout(waitMs);
    }
  }
}
