import { ActivityFailure, TimeoutFailure } from '@temporalio/workflow';
import type { ExitZeroJudgement } from '../activities/gates.js';
import type { RunObservation } from '../activities/jobs.js';
import type { JobRun } from '../domain/types.js';
import { judgeExitZero } from './activity-proxies.js';
import type { Watch } from './watch-state.js';

/**
 * Asks the gate of a run whose agent exited with 0. A gate that could not be asked says nothing about the work, so nothing is
 * decided: the watch's story says why, and this attempt to claim fails.
 *
 * @throws what the activity failed with
 */
export async function askGate(
  watch: Watch,
  run: JobRun,
  { gateQueue, hasStages }: RunObservation,
): Promise<ExitZeroJudgement> {
  try {
    return await judgeExitZero(gateQueue, run, hasStages);
  } catch (error) {
    watch.tell(`waits: ${whyNotAsked(error, gateQueue)}`);
    throw error;
  }
}

function whyNotAsked(error: unknown, queue = 'the workflow queue'): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START') {
    return `the gate was not asked: all slots of queue ${queue} are taken, or no worker polls it`;
  }
  return cause instanceof Error ? cause.message : String(cause);
}
