import { setTimeout } from 'node:timers/promises';

const NAME = 'DEPLOY_CHECK_DEADLINE';
const MINUTE_MS = 60_000;

/** From now on, this process and those that it starts have so many minutes. What they have not run by then is skipped, not failed. */
export function setDeadline(minutes: number): void {
  if (!(minutes > 0)) throw new Error(`Expected --minutes=<a positive number>, got ${minutes}`);
  process.env[NAME] = String(Date.now() + minutes * MINUTE_MS);
}

/** How long is left, in milliseconds: infinite without a deadline. */
export function timeLeftMs(): number {
  const at = process.env[NAME];
  return at === undefined ? Infinity : Math.max(0, Number(at) - Date.now());
}

/** Resolves when the time is up: never, if there is no deadline. It keeps no process running. */
export async function untilDeadline(graceMs = 0): Promise<void> {
  const left = timeLeftMs();
  if (left === Infinity) return new Promise(() => undefined);
  await setTimeout(left + graceMs, undefined, { ref: false });
}
