import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  condition,
  continueAsNew,
  log,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import { operate, settleOwed } from './activity-proxies.js';
import { describeReaper } from './describe-reaper.js';
import { listen } from './handlers.js';
import { checkReadable } from './payload-converter.js';
import { Reaper, type ReaperInput } from './reaper-state.js';
import { sweep } from './sweep.js';

/**
 * Events after which neither a waiting update nor a backlog holds up continuing as new. An update that waits then fails as
 * `AcceptedUpdateCompletedWorkflow`, and whoever waits asks the next execution.
 */
const HISTORY_LIMIT = 30_000;
/** Milliseconds that a sweep which is due waits for what is in flight, so that the reaper can continue as new. */
const LEAVE_WAIT_MS = 2_000;
/** Operators' wishes that are carried over at most: an input has room for two megabytes. */
const CARRIED_OPERATIONS = 200;

/**
 * The durable cron: sweep, then wait for the interval or a request. Two loops run beside it, so that neither a pause nor a
 * notification waits for a sweep to end, and no sweep for them.
 */
export async function jobReaper(input: ReaperInput = {}): Promise<never> {
  checkReadable(input);
  const reaper = new Reaper(input.carried);
  listen(reaper);
  return Promise.race([sweepLoop(reaper, input), operateLoop(reaper), notifyLoop(reaper)]);
}

async function sweepLoop(reaper: Reaper, input: ReaperInput): Promise<never> {
  for (let sweeps = 0; ; sweeps += 1) {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    const mustLeave = historyLength > (input.historyLimit ?? HISTORY_LIMIT);
    const wantsToLeave = continueAsNewSuggested || sweeps >= (input.continueAfterSweeps ?? Infinity);
    if (mustLeave || (wantsToLeave && reaper.operations.length <= CARRIED_OPERATIONS)) {
      if (mustLeave || (await comeToRest(reaper))) {
        // Nothing is awaited between coming to rest and leaving, so nothing that arrives meanwhile is lost.
        return continueAsNew<typeof jobReaper>({ ...input, carried: reaper.carry() });
      }
    }
    const waitMs = reaper.untilNextSweepMs;
    // The server may fire a timer a second late, so a sweep that is due does without.
    if (waitMs > 0) await condition(() => reaper.sweepWanted, waitMs, { summary: 'Next sweep' });
    await sweep(reaper);
    setCurrentDetails(describeReaper(reaper));
  }
}

/** Lets nothing more begin beside the sweeps, and waits for what is in flight. False when that takes too long. */
async function comeToRest(reaper: Reaper): Promise<boolean> {
  const isAtRest = () => allHandlersFinished() && !reaper.operating && !reaper.notifying;
  reaper.leaving = true;
  // For an update that waits for a sweep nobody can wait here.
  if (!isAtRest()) await condition(() => isAtRest() || reaper.awaited > reaper.ended, LEAVE_WAIT_MS);
  reaper.leaving = isAtRest();
  return reaper.leaving;
}

/** Writes operators' wishes to Postgres, in their order. */
async function operateLoop(reaper: Reaper): Promise<never> {
  for (;;) {
    await condition(() => reaper.operations.length > 0 && !reaper.leaving);
    const operation = reaper.operations[0];
    if (operation === undefined) continue;
    reaper.operating = true;
    try {
      await operate(operation);
      reaper.operations.shift();
      reaper.requestSweep();
    } catch (error) {
      const isRefused = isRefusal(error);
      // One that can never be written must not hold up those behind it.
      if (isRefused) reaper.operations.shift();
      log.warn(
        `${operation.action} by ${operation.by} ${isRefused ? 'is refused' : 'is not in Postgres yet, trying on'}`,
        { error },
      );
    }
    reaper.operating = false;
  }
}

/** Sends what is owed and due, each apart: a channel that hangs delays no other message. */
async function notifyLoop(reaper: Reaper): Promise<never> {
  for (;;) {
    await condition(() => reaper.owed.length > 0 && !reaper.leaving);
    const due = reaper.owed.filter((id) => !reaper.settling.has(id));
    reaper.owed = [];
    for (const id of due) void settle(reaper, id);
  }
}

/** Best effort: what fails is owed on, and a later sweep brings it again. */
async function settle(reaper: Reaper, notificationId: number): Promise<void> {
  reaper.settling.add(notificationId);
  try {
    await settleOwed(notificationId);
  } catch (error) {
    log.warn('a notification stays owed', { error, notification_id: notificationId });
  }
  reaper.settling.delete(notificationId);
}

/** Whether Postgres can never take what it was given. */
function isRefusal(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.nonRetryable === true;
}
