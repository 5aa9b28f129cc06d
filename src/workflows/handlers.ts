import { ApplicationFailure, condition, log, setHandler } from '@temporalio/workflow';
import { findRun } from './activity-proxies.js';
import * as messages from './messages.js';
import type { Reaper } from './reaper-state.js';
import { pokeWatch, startWatch } from './watches.js';

/** How long an operator's `reap` waits for its watch. */
const REAP_ANSWER_LIMIT = '60s';

/** Lets the reaper hear its signals, updates and queries. Signals only set state; its loops act on it. */
export function listen(reaper: Reaper): void {
  const wish = (action: 'pause' | 'resume' | 'observe' | 'activate') => (input: unknown) => {
    const { by, reason, written } = messages.readOperator(input);
    if (!written) reaper.operations.push(action === 'pause' ? { action, by, reason } : { action, by });
    reaper.requestSweep();
  };
  const hold = (action: 'hold' | 'release') => (input: unknown) => {
    const operation = messages.readHold(action, input);
    if (typeof operation === 'string') {
      log.warn(`ignored a signal: ${operation}`);
      return;
    }
    if (!messages.readOperator(input).written) reaper.operations.push(operation);
    reaper.requestSweep();
  };
  setHandler(messages.pauseSignal, wish('pause'), {
    description: 'Claim nothing more until resume. Optional input: {"reason": "…", "by": "…"}',
  });
  setHandler(messages.resumeSignal, wish('resume'), {
    description: 'End a pause. Optional input: {"by": "…"}',
  });
  setHandler(messages.observeSignal, wish('observe'), {
    description: 'Dry run: record what would be reaped. Optional input: {"by": "…"}',
  });
  setHandler(messages.activateSignal, wish('activate'), {
    description: 'End the dry run: reap. Optional input: {"by": "…"}',
  });
  setHandler(messages.forceSweepSignal, () => reaper.requestSweep(), {
    description: 'Sweep now. No input needed',
  });
  setHandler(messages.holdSignal, hold('hold'), {
    description:
      'Leave some runs alone for a while: {"kind": "job" | "agent" | "repo" | "host", "value": "…", "seconds": 3600, "reason": "…", "by": "…"}',
  });
  setHandler(messages.releaseSignal, hold('release'), {
    description: 'End a hold: {"kind": "job" | "agent" | "repo" | "host", "value": "…", "by": "…"}',
  });
  setHandler(
    messages.reapAnsweredSignal,
    (input: unknown) => {
      const answer = messages.readReapAnswer(input);
      if (answer && reaper.reapAnswers.has(answer.watchId)) reaper.reapAnswers.set(answer.watchId, answer);
    },
    { description: 'Internal: a watch answers reapNow' },
  );
  setHandler(messages.sweepNowUpdate, () => sweepNow(reaper), {
    description: 'Sweep now; returns the summary of a sweep that began after this request',
  });
  setHandler(messages.reapNowUpdate, (request) => reapNow(reaper, request.job_id), {
    description: 'Reap one dead job without waiting for the streak: {"job_id": "…"}. Refused for a live one',
    validator: (request: unknown) => {
      const jobId = (request as { job_id?: unknown } | null)?.job_id;
      if (typeof jobId !== 'string' || jobId === '' || jobId.length > 200) {
        throw ApplicationFailure.nonRetryable(
          `reapNow: expected {"job_id": "…"} with 1 to 200 characters, got ${messages.printed(request)}`,
          'BadInput',
        );
      }
    },
  });
  setHandler(messages.statusQuery, () => reaper.report(), { description: 'The state as of the last sweep' });
}

async function sweepNow(reaper: Reaper): Promise<messages.SweepSummary> {
  const wanted = reaper.begun + 1;
  reaper.awaited = wanted;
  reaper.requestSweep();
  await condition(() => reaper.ended >= wanted);
  if (reaper.lastSweep === null)
    throw ApplicationFailure.nonRetryable('Expected a sweep to be over, got none', 'Bug');
  return reaper.lastSweep;
}

async function reapNow(reaper: Reaper, jobId: string): Promise<messages.ReapAnswer> {
  const target = await findRun(jobId);
  if (typeof target === 'string') throw ApplicationFailure.nonRetryable(target, 'NotRunning');
  const { watchId } = target;
  const pending = { watchId, reaped: false, text: 'its watch has not answered yet: ask job-reaper explain' };
  reaper.reapAnswers.set(watchId, pending);
  const poke: messages.Poke = { why: 'reap', park: true };
  const known = reaper.watches.get(watchId);
  if (!known || !(await pokeWatch(reaper, known, poke))) {
    if (reaper.policy === null) {
      reaper.requestSweep();
      await condition(() => reaper.policy !== null);
    }
    await startWatch(reaper, target, poke, reaper.policy?.searchAttributes ?? false);
  }
  await condition(() => reaper.reapAnswers.get(watchId) !== pending, REAP_ANSWER_LIMIT);
  const answer = reaper.reapAnswers.get(watchId) ?? pending;
  reaper.reapAnswers.delete(watchId);
  return answer;
}
