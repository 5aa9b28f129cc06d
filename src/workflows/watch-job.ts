import {
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { RunObservation } from '../activities/jobs.js';
import { reapedLine } from '../domain/outcome.js';
import { FRESH_MEMORY, type Observation, type Verdict } from '../domain/types.js';
import { describeFailure } from './activity-failures.js';
import { settleOwed, takeBackstopAlert } from './activity-proxies.js';
import { pokeSignal, readPoke, reapAnsweredSignal, watchQuery } from './messages.js';
import { judgeLook, lookAt } from './look.js';
import { checkReadable } from './payload-converter.js';
import { freePlace, giveUp } from './place.js';
import { reap } from './reap.js';
import { REAPER_JOB, REAPER_OUTCOME, toKeyword } from './search-attributes.js';
import { Watch, type Step, type WatchInput, type WatchResult } from './watch-state.js';

/** Milliseconds until the next look after one that failed. */
const FAILURE_WAIT_MS = 15_000;

/**
 * Looks after one run until it ends or is reaped. Parked until poked; then it reads the row, probes the process and asks the
 * policy; then it waits, acts, parks again or ends. The whole story of a run is in this one history.
 */
export async function watchJob(input: WatchInput): Promise<WatchResult> {
  checkReadable(input);
  const watch = new Watch(input);
  setHandler(pokeSignal, (poke: unknown) => watch.poke(readPoke(poke)), {
    description: 'Wake the watch: look at the run now',
  });
  setHandler(watchQuery, () => watch.state(), { description: 'What the watch is doing, and its story' });
  if (!input.carried && !watch.poked) watch.tell('parked: the run shows no symptom');

  let looks = 0;
  let step: Step = watch.poked || input.carried ? { kind: 'again' } : { kind: 'idle', why: 'healthy' };
  for (;;) {
    if (step.kind === 'end') {
      const result = finish(watch, step.result);
      // Last, because a channel may hang, and no repair must wait for it.
      if (step.owedNotificationId) {
        await freePlace();
        await settle(step.owedNotificationId);
      }
      return result;
    }
    if (step.kind === 'give up') {
      // Those symptoms are from before it was known when the run is retried.
      watch.dropSymptoms();
      if (!watch.park && !watch.poked) {
        return finish(watch, { outcome: 'not claimed', reason: step.why, evidence: null });
      }
      step = { kind: 'idle', why: step.why };
    }
    if (step.kind === 'idle') {
      if (!watch.park && !watch.poked) {
        return finish(watch, { outcome: 'nothing to do', reason: step.why, evidence: null });
      }
      watch.enter('parked', step.why);
      await condition(() => watch.poked);
    } else if (step.kind === 'wait') {
      watch.enter('waiting', step.why, Date.now() + step.waitMs);
      await condition(() => watch.urgent, step.waitMs, { summary: step.why });
    }
    if (workflowInfo().continueAsNewSuggested || looks >= (input.continueAfterLooks ?? Infinity)) {
      await continueAsNew<typeof watchJob>({ ...input, carried: watch.carry() });
    }
    step = await look(watch);
    looks += 1;
  }
}

async function look(watch: Watch): Promise<Step> {
  watch.enter('looking');
  const reapWanted = watch.takePokes();
  const step = await decide(watch, reapWanted);
  if (reapWanted) await answerReap(step.kind === 'end' ? step.result : null, watch);
  return step;
}

async function decide(watch: Watch, skipStreak: boolean): Promise<Step> {
  try {
    const { facts, seen } = await lookAt(watch.input);
    if (facts.run === null) return over(watch, facts);
    if (seen === null) {
      watch.memory = FRESH_MEMORY;
      watch.tell(`blocked: ${facts.block ?? ''}`);
      return { kind: 'idle', why: facts.block ?? 'blocked' };
    }
    if (facts.clockStepped) {
      watch.memory = FRESH_MEMORY;
      watch.tell("not counted: the database's clock has stepped, so the streak starts over");
      return {
        kind: 'wait',
        waitMs: facts.policy.intervalS * 1000,
        why: 'Look again because the clock stepped',
      };
    }
    const { alerted, alertedUnknown, crashes } = facts;
    const observation = { ...seen, alerted, alertedUnknown, crashes };
    const { policy } = facts;
    const nowMs = watch.clockMs(facts.readMs);
    const memory = isOtherProcess(watch, observation) ? FRESH_MEMORY : watch.memory;
    const judgement = judgeLook(observation, { policy, memory, nowMs, skipStreak });
    watch.memory = judgement.memory;
    watch.run = seen.run;
    watch.tell(`seen ${seen.liveness.state}: ${seen.liveness.evidence}`);
    return await act(watch, judgement.verdict, observation, facts);
  } catch (error) {
    // A failed look is no evidence, and what was counted before no longer counts.
    watch.memory = FRESH_MEMORY;
    watch.tell('failed: the look failed, so the streak starts over');
    log.warn(`job ${watch.input.jobId} could not be checked; its streak starts over`, { error });
    const isClaim = watch.phase === 'claiming';
    const step = await giveUp(
      watch,
      'failed',
      isClaim ? describeFailure(error) : `the look failed: ${describeFailure(error)}`,
    );
    return step ?? { kind: 'wait', waitMs: FAILURE_WAIT_MS, why: 'Look again after a failure' };
  }
}

async function act(
  watch: Watch,
  verdict: Verdict,
  observation: Observation,
  facts: RunObservation,
): Promise<Step> {
  if (verdict.kind !== 'reap') watch.refused = false;
  switch (verdict.kind) {
    case 'healthy':
      return { kind: 'idle', why: 'healthy' };
    case 'alert':
      if (verdict.about === 'alive') await takeBackstopAlert(observation.run, verdict.reason);
      else await takeBackstopAlert(observation.run, verdict.reason, 'backstop unknown');
      watch.tell(
        `alerted: ${verdict.about === 'alive' ? 'proven alive' : 'it is unknown whether it is alive'}, ${verdict.reason}`,
      );
      return { kind: 'idle', why: verdict.reason };
    case 'defer':
      log.info(verdict.line, { job_id: observation.run.jobId, run_key: observation.run.runKey });
      watch.tell(`deferred: ${verdict.line}`);
      return { kind: 'wait', waitMs: verdict.waitMs, why: `Deferred: ${verdict.why}` };
    case 'reap':
      return reap(watch, verdict, observation, facts);
  }
}

/** Whether the row names another process than at the previous look: what was counted is about that one. */
function isOtherProcess({ run: before }: Watch, { run }: Observation): boolean {
  return before !== null && (before.pid !== run.pid || before.processIdentity !== run.processIdentity);
}

/** The run is over. Only the ledger can say whether it ended by itself. */
function over({ run }: Watch, { claimed }: RunObservation): Step {
  if (claimed === null) {
    const reason = 'the run is no longer marked running';
    return { kind: 'end', result: { outcome: 'ended by itself', reason, evidence: null } };
  }
  const { outcome, reason, owedNotificationId } = claimed;
  if (claimed.by !== workflowInfo().firstExecutionRunId) {
    return { kind: 'end', result: { outcome: 'reaped by another', reason, evidence: null } };
  }
  // The answer of its claim was lost, and so was its line.
  if (run !== null) log.info(reapedLine(run, outcome, reason), { job_id: run.jobId, run_key: run.runKey });
  return { kind: 'end', result: { outcome, reason, evidence: null }, owedNotificationId };
}

/** Tells the reaper what became of an operator's `reap`: how the watch ends, or why it does not. */
async function answerReap(result: WatchResult | null, watch: Watch): Promise<void> {
  const parent = workflowInfo().parent;
  if (!parent) return;
  const reaped = result !== null && ['done', 'queued', 'failed'].includes(result.outcome);
  const text = result ? `${result.outcome} (${result.reason})` : (watch.state().story.at(-1) ?? '');
  try {
    const reaper = getExternalWorkflowHandle(parent.workflowId);
    await reaper.signal(reapAnsweredSignal, { watchId: workflowInfo().workflowId, reaped, text });
  } catch {
    // The reaper that asked is gone. Its update has failed, so whoever waited knows.
  }
}

/** Best effort: a later sweep sends what stays owed. */
async function settle(notificationId: number): Promise<void> {
  try {
    await settleOwed(notificationId);
  } catch (error) {
    log.warn('a notification could not be sent; a later sweep retries it', {
      error,
      notification_id: notificationId,
    });
  }
}

function finish(watch: Watch, result: WatchResult): WatchResult {
  watch.enter('over');
  watch.tell(`done: ${result.outcome} (${result.reason})`);
  if (workflowInfo().typedSearchAttributes.get(REAPER_JOB) !== undefined) {
    upsertSearchAttributes([{ key: REAPER_OUTCOME, value: toKeyword(result.outcome) }]);
  }
  return result;
}
