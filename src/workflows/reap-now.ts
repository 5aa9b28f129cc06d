import { ApplicationFailure, condition, patched } from '@temporalio/workflow';
import { findRun } from './activity-proxies.js';
import type { Poke, ReapAnswer } from './messages.js';
import type { PendingReap, Reaper } from './reaper-state.js';
import { pokeWatch, startWatch } from './watches.js';

/** Milliseconds that an operator's `reap` waits for its turn and its watch. */
const REAP_ANSWER_LIMIT_MS = 60_000;

/**
 * Has a job's watch reap it without waiting for the streak.
 *
 * @throws ApplicationFailure if the job is not running, or cannot be watched
 */
export async function reapNow(reaper: Reaper, jobId: string): Promise<ReapAnswer> {
  const target = await findRun(jobId);
  if (typeof target === 'string') throw ApplicationFailure.nonRetryable(target, 'NotRunning');
  const { watchId } = target;
  const unanswered = {
    watchId,
    reaped: false,
    text: 'its watch has not answered yet: see job-reaper explain',
  };

  // One after the other: an answer does not say which request it is for, and it must be about a look made after the request.
  // Only "reaped" answers every request.
  let leftMs = REAP_ANSWER_LIMIT_MS;
  const inFront = () => reaper.pendingReaps.get(watchId);
  for (let other = inFront(); other && patched('one-reap-at-a-time'); other = inFront()) {
    const sinceMs = Date.now();
    const isOver = await condition(() => inFront() !== other, leftMs);
    if (other.answer?.reaped === true) return other.answer;
    if (!isOver) return unanswered;
    leftMs = Math.max(1, leftMs - (Date.now() - sinceMs));
  }

  const own: PendingReap = { answer: null };
  reaper.pendingReaps.set(watchId, own);
  try {
    const poke: Poke = { why: 'reap', park: true };
    const known = reaper.watches.get(watchId);
    if (!known || !(await pokeWatch(reaper, known, poke))) {
      if (reaper.policy === null) {
        reaper.requestSweep();
        await condition(() => reaper.policy !== null);
      }
      await startWatch(reaper, target, poke, reaper.policy?.searchAttributes ?? false);
    }
    // Without the patch another request replaces this one, which ends both.
    await condition(() => own.answer !== null || inFront() !== own, leftMs);
    return own.answer ?? unanswered;
  } finally {
    reaper.pendingReaps.delete(watchId);
  }
}
