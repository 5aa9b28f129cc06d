import { ApplicationFailure, condition, log, setHandler, workflowInfo } from '@temporalio/workflow';
import { lookNow } from './look-now.js';
import * as messages from './messages.js';
import { reapNow } from './reap-now.js';
import type { Reaper } from './reaper-state.js';

/** Registers the reaper's signals, updates and queries. Signals only set state; its loops act on it. */
export function listen(reaper: Reaper): void {
  const request = (action: 'pause' | 'resume' | 'observe' | 'activate') => (input: unknown) => {
    const { by, reason, written } = messages.readOperator(input);
    if (!written) reaper.ask(action === 'pause' ? { action, by, reason } : { action, by });
    reaper.requestSweep();
  };
  const hold = (action: 'hold' | 'release') => (input: unknown) => {
    const operation = messages.readHold(action, input);
    if (typeof operation === 'string') {
      log.warn(`ignored a signal: ${operation}`);
      return;
    }
    if (!messages.readOperator(input).written) reaper.ask(operation);
    reaper.requestSweep();
  };
  setHandler(messages.pauseSignal, request('pause'), {
    description: 'Stop claiming until resume. Optional input: {"reason": "…", "by": "…"}',
  });
  setHandler(messages.resumeSignal, request('resume'), {
    description: 'End a pause. Optional input: {"by": "…"}',
  });
  setHandler(messages.observeSignal, request('observe'), {
    description: 'Dry run: only record what would be reaped. Optional input: {"by": "…"}',
  });
  setHandler(messages.activateSignal, request('activate'), {
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
      const pending = answer && reaper.pendingReaps.get(answer.watchId);
      if (pending) pending.answer = answer;
    },
    { description: 'Internal: a watch answers reapNow' },
  );
  setHandler(
    messages.placeFreeSignal,
    (input: unknown) => {
      const watchId = messages.readPlaceFree(input);
      if (watchId !== null) reaper.forget(watchId);
    },
    { description: 'Internal: a watch has claimed and no longer needs its place' },
  );
  setHandler(
    messages.symptomsSignal,
    (input: unknown) => {
      const report = messages.readSymptomReport(workflowInfo().workflowId, input);
      if (report !== null) reaper.report(report);
    },
    { description: 'Internal: a probe saw a process of its host die; examine that host now' },
  );
  setHandler(messages.sweepNowUpdate, () => sweepNow(reaper), {
    description: 'Sweep now; returns the summary of a sweep that began after this request',
  });
  setHandler(messages.reapNowUpdate, (request) => reapNow(reaper, request.job_id), {
    description: 'Reap one dead job without waiting for the streak: {"job_id": "…"}. Refused if it is alive',
    validator: expectJob('reapNow'),
  });
  setHandler(messages.lookUpdate, (request) => lookNow(request.job_id), {
    description: 'What the probe of a job\'s own host sees of its process now: {"job_id": "…"}',
    validator: expectJob('look'),
  });
  setHandler(messages.statusQuery, () => reaper.describe(), {
    description: 'The state as of the last sweep',
  });
}

/** Refuses an update that names no job. */
function expectJob(update: string): (request: unknown) => void {
  return (request) => {
    const jobId = (request as { job_id?: unknown } | null)?.job_id;
    // Postgres has no NUL in texts: no job id contains one, and looking one up would fail.
    if (typeof jobId === 'string' && jobId !== '' && jobId.length <= 200 && !jobId.includes('\0')) return;
    throw ApplicationFailure.nonRetryable(
      `${update}: expected {"job_id": "…"} with 1 to 200 characters and no NUL, got ${messages.printed(request)}`,
      'BadInput',
    );
  };
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
