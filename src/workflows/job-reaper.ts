import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  condition,
  continueAsNew,
  log,
  patched,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { Operation, Requested } from '../domain/operation.js';
import { operate, operateAll, settleDue, settleOwed } from './activity-proxies.js';
import { describeReaper } from './describe-reaper.js';
import { reportLoop } from './examine-reported.js';
import { listen } from './handlers.js';
import { checkReadable } from './payload-converter.js';
import { Reaper, type ReaperInput } from './reaper-state.js';
import { sweep } from './sweep.js';

/**
 * Events after which the reaper continues as new even if updates wait or there is a backlog. A waiting update then fails with
 * `AcceptedUpdateCompletedWorkflow`, and its caller asks the next execution.
 */
const HISTORY_LIMIT = 30_000;
/** Milliseconds that a due sweep waits for work in flight, so that the reaper can continue as new. */
const DRAIN_LIMIT_MS = 2_000;
/** Maximum of operators' requests that are carried over: an input has room for two megabytes. */
const MAX_CARRIED_OPERATIONS = 200;
/** Maximum of characters of the requests that are written together. */
const MAX_REQUEST_CHARACTERS = 40_000;

/**
 * The durable cron: sweep, then wait for the interval or a request. Three more loops run beside it, so that pauses,
 * notifications and the reports of sentinels do not wait for sweeps, nor sweeps for them.
 */
export async function jobReaper(input: ReaperInput = {}): Promise<never> {
  checkReadable(input);
  const reaper = new Reaper(input.carried);
  listen(reaper);
  return Promise.race([
    sweepLoop(reaper, input),
    operateLoop(reaper),
    notifyLoop(reaper),
    reportLoop(reaper),
  ]);
}

async function sweepLoop(reaper: Reaper, input: ReaperInput): Promise<never> {
  for (let sweeps = 0; ; sweeps += 1) {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    const mustContinue = historyLength > (input.historyLimit ?? HISTORY_LIMIT);
    const shouldContinue = continueAsNewSuggested || sweeps >= (input.continueAfterSweeps ?? Infinity);
    if (mustContinue || (shouldContinue && reaper.operations.length <= MAX_CARRIED_OPERATIONS)) {
      if (mustContinue || (await drain(reaper))) {
        // Nothing is awaited between draining and continuing as new, so nothing that arrives meanwhile is lost.
        return continueAsNew<typeof jobReaper>({ ...input, carried: reaper.carry() });
      }
    }
    const waitMs = reaper.untilNextSweepMs;
    // The server may fire a timer a second late, so a sweep that is due uses none.
    if (waitMs > 0) await condition(() => reaper.sweepWanted, waitMs, { summary: 'Next sweep' });
    await sweep(reaper);
    setCurrentDetails(describeReaper(reaper));
  }
}

/** Starts nothing more beside the sweeps, and waits for work in flight. False if that takes too long. */
async function drain(reaper: Reaper): Promise<boolean> {
  const isDrained = () =>
    allHandlersFinished() && !reaper.operating && !reaper.notifying && reaper.examining.size === 0;
  reaper.continuingAsNew = true;
  // An update that waits for a sweep cannot be waited for here: this is the loop that sweeps.
  if (!isDrained()) await condition(() => isDrained() || reaper.awaited > reaper.ended, DRAIN_LIMIT_MS);
  reaper.continuingAsNew = isDrained();
  return reaper.continuingAsNew;
}

/** Writes operators' requests to Postgres, in order: all that wait at once, because each activity takes as long as dozens of writes. */
async function operateLoop(reaper: Reaper): Promise<never> {
  for (;;) {
    await condition(() => reaper.operations.length > 0 && !reaper.continuingAsNew);
    const [operation] = reaper.operations;
    if (operation === undefined) continue;
    reaper.operating = true;
    if (patched('requests-together')) await writeRequests(reaper);
    else await writeRequest(reaper, operation);
    reaper.operating = false;
  }
}

async function writeRequests(reaper: Reaper): Promise<void> {
  const requests = firstOf(reaper.operations);
  try {
    const { refusals, error } = await operateAll(requests);
    for (const [index, refusal] of refusals.entries()) {
      const { action = '', by = '' } = requests[index] ?? {};
      if (refusal !== null) log.warn(`${action} by ${by} was refused by Postgres`, { error: refusal });
    }
    reaper.operations.splice(0, refusals.length);
    if (error !== null) warnUnwritten(reaper, error);
    reaper.requestSweep();
  } catch (error) {
    warnUnwritten(reaper, error);
  }
}

/** As many as one payload has room for. */
function firstOf(operations: readonly Requested[]): Requested[] {
  let left = MAX_REQUEST_CHARACTERS;
  return operations.filter((operation, index) => {
    left -= JSON.stringify(operation).length;
    return index === 0 || left >= 0;
  });
}

function warnUnwritten({ operations }: Reaper, error: unknown): void {
  const [first] = operations;
  if (first === undefined) return;
  const others = operations.length > 1 ? ` and ${operations.length - 1} more requests` : '';
  log.warn(`${first.action} by ${first.by}${others}: not in Postgres yet, retrying`, { error });
}

/** One request, in older histories. */
async function writeRequest(reaper: Reaper, operation: Operation): Promise<void> {
  try {
    await operate(operation);
    reaper.operations.shift();
    reaper.requestSweep();
  } catch (error) {
    const isRefused = isRefusal(error);
    // A request that can never be written must not block those behind it.
    if (isRefused) reaper.operations.shift();
    log.warn(
      `${operation.action} by ${operation.by} ${isRefused ? 'was refused by Postgres' : 'is not in Postgres yet, retrying'}`,
      { error },
    );
  }
}

/** Sends what is owed and due: each kind, and each message that is retried, on its own. A channel that hangs delays no other message. */
async function notifyLoop(reaper: Reaper): Promise<never> {
  for (;;) {
    await condition(() => reaper.owed.length + reaper.due.length > 0 && !reaper.continuingAsNew);
    const kinds = reaper.due.filter((kind) => !reaper.settling.has(kind));
    const due = reaper.owed.filter((id) => !reaper.settling.has(id));
    reaper.due = [];
    reaper.owed = [];
    for (const kind of kinds) void settleKind(reaper, kind);
    for (const id of due) void settle(reaper, id);
  }
}

/** All due messages of a kind, together if they are many. Those that a channel did not take are retried one by one. */
async function settleKind(reaper: Reaper, kind: string): Promise<void> {
  reaper.settling.add(kind);
  try {
    for (const id of await settleDue(kind)) {
      if (!reaper.settling.has(id)) void settle(reaper, id);
    }
  } catch (error) {
    log.warn('notifications could not be sent; a later sweep retries it', { error, kind });
  }
  reaper.settling.delete(kind);
}

/** Best effort: what fails stays owed, and a later sweep retries it. */
async function settle(reaper: Reaper, notificationId: number): Promise<void> {
  reaper.settling.add(notificationId);
  try {
    await settleOwed(notificationId);
  } catch (error) {
    log.warn('a notification could not be sent; a later sweep retries it', {
      error,
      notification_id: notificationId,
    });
  }
  reaper.settling.delete(notificationId);
}

/** Whether Postgres will never accept what it was given. */
function isRefusal(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.nonRetryable === true;
}
