import { ActivityFailure, workflowInfo } from '@temporalio/workflow';
import type { ExitZeroJudgement } from '../activities/gates.js';
import type { RunObservation } from '../activities/jobs.js';
import { planClaim } from '../domain/claim-plan.js';
import { restsOnDeclaration } from '../domain/declaration.js';
import { describeDecision, describeProof } from '../domain/proof.js';
import { FRESH_MEMORY, type JobRun, type Observation, type Verdict } from '../domain/types.js';
import { isSilence } from './activity-failures.js';
import { claim, judgeExitZero } from './activity-proxies.js';
import { giveUp } from './place.js';
import type { Step, Watch } from './watch-state.js';

/**
 * Claims a run that the policy found dead, after asking its gate if its agent exited with 0.
 *
 * @throws what an activity failed with
 */
export async function reap(
  watch: Watch,
  verdict: Extract<Verdict, { kind: 'reap' }>,
  observation: Observation,
  facts: RunObservation,
): Promise<Step> {
  const { policy, readMs } = facts;
  const { run } = observation;
  watch.enter('claiming');
  watch.tell(`proven: ${describeProof(verdict, observation, watch.memory, policy)}`);
  const exitZero = verdict.path === 'exit-zero' ? await askGate(watch, run, facts) : null;
  const plan = planClaim(verdict, observation, watch.memory, policy, exitZero);
  watch.tell(`decided: ${describeDecision(plan, run)}`);
  const { firstExecutionRunId, workflowId } = workflowInfo();
  const { result, detail, notificationId } = await claim(run, {
    ...plan,
    claimer: firstExecutionRunId,
    workflowId,
    lookedAtMs: readMs,
    hostGoneBy: restsOnDeclaration(observation.liveness.evidence, facts.placeGone)
      ? observation.liveness.evidence
      : null,
  });
  watch.memory = FRESH_MEMORY;
  const waitMs = policy.intervalS * 1000;
  const lookAgain: Step = { kind: 'wait', waitMs, why: 'Not claimed, look again' };
  switch (result) {
    case 'won':
      return {
        kind: 'end',
        result: { outcome: plan.outcome, reason: plan.reason, evidence: plan.evidence },
        owedNotificationId: notificationId,
      };
    case 'blocked':
      watch.tell(`blocked: not claimed, ${detail}`);
      return { kind: 'idle', why: detail };
    case 'lost':
    case 'changed':
      watch.tell(`${result}: not claimed, ${detail}`);
      if (!watch.refused) {
        watch.refused = true;
        return { kind: 'again' };
      }
      // Either the facts differ at every look, or the table marks a claimed run as running: no reason to hurry.
      return (await giveUp(watch, 'failed', `${result}: ${detail}`)) ?? lookAgain;
    case 'busy':
      watch.tell(`busy: not claimed, ${detail}`);
      return (await giveUp(watch, 'locked', detail)) ?? lookAgain;
  }
}

/**
 * Asks the gate of a run whose agent exited with 0. A gate that could not be asked says nothing about the work, so nothing is
 * decided: the watch's story says why, and this attempt to claim fails.
 *
 * @throws what the activity failed with
 */
async function askGate(
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
  if (isSilence(error)) {
    return `the gate was not asked: all slots of queue ${queue} are taken, or no worker polls it`;
  }
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
