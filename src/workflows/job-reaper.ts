import {
  allHandlersFinished,
  condition,
  continueAsNew,
  log,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import { operate, settleOwed } from './activity-proxies.js';
import { describeReaper } from './describe-reaper.js';
import { listen } from './handlers.js';
import { Reaper, type ReaperInput } from './reaper-state.js';
import { sweep } from './sweep.js';

/** Events after which not even a waiting update holds up continuing as new. */
const HISTORY_LIMIT = 30_000;

/**
 * The durable cron: sweep, then wait for the interval or a request. Two loops run beside it, so that neither a pause nor a
 * notification waits for a sweep to end, and no sweep for them.
 */
export async function jobReaper(input: ReaperInput = {}): Promise<never> {
  const reaper = new Reaper(input.carried);
  listen(reaper);
  return Promise.race([sweepLoop(reaper, input), operateLoop(reaper), notifyLoop(reaper)]);
}

async function sweepLoop(reaper: Reaper, input: ReaperInput): Promise<never> {
  for (let sweeps = 0; ; sweeps += 1) {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    const wantsToLeave = continueAsNewSuggested || sweeps >= (input.continueAfterSweeps ?? Infinity);
    const isIdle = allHandlersFinished() && !reaper.operating && !reaper.notifying;
    // Nothing is awaited between this check and leaving, so nothing that arrives meanwhile is lost.
    if (wantsToLeave && (isIdle || historyLength > HISTORY_LIMIT)) {
      return continueAsNew<typeof jobReaper>({ ...input, carried: reaper.carry() });
    }
    const waitMs = reaper.nextSweepMs - Date.now();
    // The server may fire a timer a second late, so a sweep that is due does without.
    if (waitMs > 0) await condition(() => reaper.sweepWanted, waitMs, { summary: 'Next sweep' });
    await sweep(reaper);
    setCurrentDetails(describeReaper(reaper));
  }
}

/** Writes operators' wishes to Postgres, in their order. */
async function operateLoop(reaper: Reaper): Promise<never> {
  for (;;) {
    await condition(() => reaper.operations.length > 0);
    const operation = reaper.operations[0];
    if (operation === undefined) continue;
    reaper.operating = true;
    try {
      await operate(operation);
      reaper.operations.shift();
      reaper.requestSweep();
    } catch (error) {
      log.warn(`${operation.action} by ${operation.by} is not in Postgres yet, trying on`, { error });
    }
    reaper.operating = false;
  }
}

/** Sends what is owed and due. Best effort: what fails is owed on, and the next sweep brings it again. */
async function notifyLoop(reaper: Reaper): Promise<never> {
  for (;;) {
    await condition(() => reaper.owed.length > 0);
    reaper.notifying = true;
    const results = await Promise.allSettled(reaper.owed.map((id) => settleOwed(id)));
    const failed = results.filter(({ status }) => status === 'rejected').length;
    if (failed > 0) log.warn(`${failed} notifications stay owed`);
    reaper.owed = [];
    reaper.notifying = false;
  }
}
