import { rootCause } from '@temporalio/common';
import { ActivityFailure, TimeoutFailure } from '@temporalio/workflow';

/** What went wrong in an activity, not just that one failed. */
export function describeFailure(error: unknown): string {
  return rootCause(error) ?? String(error);
}

/** Whether an activity timed out because no worker took it from its queue in time. */
export function isSilence(error: unknown): boolean {
  return timeoutOf(error)?.timeoutType === 'SCHEDULE_TO_START';
}

/**
 * Why a host's activity failed, in words, or null if nobody polls the host's queue: only that means a host without a probe. The
 * server knows whether it was picked up, even if the time to pick it up and the time to finish it end together.
 */
export function whyNotAnswered(error: unknown): string | null {
  if (!(error instanceof ActivityFailure) || timeoutOf(error) === undefined) return describeFailure(error);
  const startedEventId = error.failure?.activityFailureInfo?.startedEventId;
  const isStarted = startedEventId !== null && startedEventId !== undefined && Number(startedEventId) > 0;
  return isStarted ? 'it was asked and did not answer in time' : null;
}

function timeoutOf(error: unknown): TimeoutFailure | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof TimeoutFailure ? cause : undefined;
}
