import { ApplicationFailure, CancellationScope, isCancellation } from '@temporalio/workflow';
import { whyNotAnswered } from './activity-failures.js';
import { findRun, observeRun, probeNow } from './activity-proxies.js';
import type { ProcessSighting } from './messages.js';

/** Milliseconds that an operator's `look` may take in all. */
const LIMIT_MS = 5_000;

/**
 * What the probe of a job's own host sees of its process now. It changes nothing, and wakes no watch.
 *
 * @throws ApplicationFailure if the job is not running, or cannot be looked up in time
 */
export async function lookNow(jobId: string): Promise<ProcessSighting> {
  try {
    return await CancellationScope.withTimeout(LIMIT_MS, () => look(jobId));
  } catch (error) {
    if (error instanceof ApplicationFailure) throw error;
    throw ApplicationFailure.nonRetryable(
      `Expected job "${jobId}" to be looked up within ${LIMIT_MS / 1000} s, got no answer of Postgres`,
      'NotAnswered',
    );
  }
}

async function look(jobId: string): Promise<ProcessSighting> {
  const target = await findRun(jobId);
  if (typeof target === 'string') throw ApplicationFailure.nonRetryable(target, 'NotRunning');
  const { run, probeQueue } = await observeRun(target);
  const { runKey } = target;
  if (run === null) {
    throw ApplicationFailure.nonRetryable(
      `Expected job "${jobId}" to be running, but it has just ended`,
      'NotRunning',
    );
  }
  if (run.host === null || probeQueue === null) {
    return { runKey, seen: null, why: 'its row names no host that can be asked' };
  }
  try {
    const { pid, processIdentity } = run;
    const seen = await probeNow(probeQueue, run.host, { pid, processIdentity });
    return { runKey, seen, why: null };
  } catch (error) {
    if (isCancellation(error)) return { runKey, seen: null, why: 'it was asked and did not answer in time' };
    return { runKey, seen: null, why: whyNotAnswered(error) ?? `no probe answers on host ${run.host}` };
  }
}
