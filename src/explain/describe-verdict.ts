import { judgeCrashBudget } from '../domain/crash-budget.js';
import { unknownOutcome } from '../domain/outcome.js';
import { confirmWaitS } from '../domain/policy.js';
import type { JobRun, Observation, Policy, Verdict } from '../domain/types.js';

/** What {@link describeVerdict} needs. */
export interface VerdictFacts {
  observation: Observation;
  verdict: Verdict;
  policy: Policy;
  hasStages: boolean;
  /** Dead observations that the run's watch has counted; null if it could not be asked. */
  counted: number | null;
}

/** Describes the policy's verdict on one fresh observation, with every threshold it was compared with, except its age, which stands with the run. */
export function describeVerdict(facts: VerdictFacts): string[] {
  const { verdict, observation } = facts;
  switch (verdict.kind) {
    case 'healthy':
      return describeHealthy(observation);
    case 'alert':
      return describeAlert(verdict, observation);
    case 'reap':
      return [`due: ${verdict.reason} (tier ${verdict.tier})`, describeOutcome(facts, verdict)];
    case 'defer':
      return describeDefer(facts, verdict.why);
  }
}

function describeAlert(
  { about, reason }: Extract<Verdict, { kind: 'alert' }>,
  { alerted }: Observation,
): string[] {
  if (about === 'alive') {
    return [
      `over its ceiling (${reason}), but proven alive: alerted once, not reaped`,
      'REAPER_BACKSTOP_ALIVE=reap would reap it',
    ];
  }
  const doubt = `over its ceiling (${reason}), but may or may not be alive: alerted once, not reaped`;
  return alerted
    ? [
        doubt,
        'it was proven alive before: only its probe, or job-reaper host-gone if its host is gone, can change that',
      ]
    : [doubt, 'REAPER_BACKSTOP_UNKNOWN=reap would reap it'];
}

function describeHealthy({ liveness, alerted, alertedUnknown }: Observation): string[] {
  if (liveness.state === 'unknown') {
    const alert = alertedUnknown === true ? '; it is over its ceiling, and an alert was sent' : '';
    return [`not due: it is not known here whether its process is alive, and doubt is never death${alert}`];
  }
  const proof = liveness.proven ? 'proven alive' : 'alive, but without a stamp that proves it';
  return [`not due: ${proof}${alerted ? '; it is over its ceiling, and an alert was sent' : ''}`];
}

function describeDefer(facts: VerdictFacts, why: Extract<Verdict, { kind: 'defer' }>['why']): string[] {
  const { policy, counted, observation } = facts;
  const { exitCode, exitAgeS } = observation.run;
  switch (why) {
    case 'dead':
      return [
        `dead, needs ${policy.deadTicks} consecutive observations ${confirmWaitS(observation.run, policy)} s apart; ` +
          (counted === null ? 'its watch could not be asked how many it has' : `its watch has ${counted}`),
        describeDeath(facts, 'then it'),
      ];
    case 'defunct':
      return [
        `exited, but its parent, perhaps a live monitor, has not collected it: counts as dead once it has been seen ` +
          `like this for ${policy.finalizeGraceS} s`,
      ];
    case 'unknown':
      return [
        `over its ceiling, and not known from here to be alive or dead: its stamp could prove it alive, so it takes ${policy.deadTicks} such ` +
          `observations in a row, ${policy.intervalS} s apart`,
        describeUnknownOutcome(observation.run, 'then it'),
      ];
    case 'finalizing':
      return [
        exitAgeS === null
          ? `exit code ${exitCode ?? 'none'} recorded at an unknown time: its monitor is left alone, so only the ceiling ends it`
          : `exit code ${exitCode ?? 'none'} recorded ${exitAgeS} s ago; the monitor has ${policy.finalizeGraceS} s to finalize`,
      ];
  }
}

function describeOutcome(facts: VerdictFacts, verdict: Extract<Verdict, { kind: 'reap' }>): string {
  const { run } = facts.observation;
  if (verdict.tier === 1) return describeDeath(facts, 'it');
  if (verdict.path !== 'exit-zero') return describeUnknownOutcome(run, 'it');
  return facts.hasStages
    ? `its agent exited with 0, so its stage's gate is asked: if green, it becomes done; if red, ${describeUnknownOutcome(run, 'it')}`
    : 'its agent exited with 0 and there are no stages: it becomes done';
}

/** Like {@link describeUnknownOutcome}, for a run that is found dead. */
function describeDeath({ observation, policy }: VerdictFacts, subject: string): string {
  const { run, liveness, crashes } = observation;
  const over = judgeCrashBudget({ run, tier: 1, liveness, crashes }, policy);
  return over?.outcome === 'failed'
    ? `${subject} becomes failed, with a notification: this is death ${over.deaths} of its job by its own process, over REAPER_MAX_CRASHES=${over.max}`
    : describeUnknownOutcome(run, subject);
}

function describeUnknownOutcome(run: JobRun, subject: string): string {
  const { outcome } = unknownOutcome(run, '');
  const max = run.maxAttempts === null || run.maxAttempts === 0 ? 2 : run.maxAttempts;
  const used = `${run.attempts ?? 0} of ${max} attempts are used`;
  return outcome === 'queued'
    ? `${subject} is requeued: ${used}`
    : `${subject} becomes failed, with a notification: ${used}`;
}
