import type { Liveness } from './liveness.js';
import { unknownOutcome } from './outcome.js';
import type { JobRun, Policy, Tier } from './types.js';

/** What is on record about the deaths of a run's job by its own process. */
export interface CrashFacts {
  /** Earlier deaths. */
  earlier: number;
  /** Whether no other run is, or was, in the run's process; false if that cannot be told. Null if the budget is not used up. */
  alone: boolean | null;
}

/** A death over the budget, as it stands in the evidence. */
export interface OverBudget {
  /** REAPER_MAX_CRASHES. */
  max: number;
  /** How often the job has died by its own process, this time included. */
  deaths: number;
  alone: boolean;
  /** `queued`: one of the others in its process may have killed it, so people are told instead. */
  outcome: 'failed' | 'queued';
}

/** What is known of a death before its budget is judged. */
export interface Death {
  tier: Tier;
  liveness: Pick<Liveness, 'cause'>;
  crashes?: CrashFacts | null | undefined;
}

/** {@link judgeCrashes}; null also if the job fails anyway, because its attempts are used up. */
export function judgeCrashBudget(
  { run, ...death }: Death & { run: JobRun },
  policy: Pick<Policy, 'maxCrashes'>,
): OverBudget | null {
  return unknownOutcome(run, '').outcome === 'queued' ? judgeCrashes(death, policy) : null;
}

/**
 * Whether a death uses up its job's crash budget; null if not. Only a death of the process itself counts, not that of its machine, and
 * only a job that was alone in its process is failed for it.
 */
export function judgeCrashes(
  { tier, liveness, crashes }: Death,
  { maxCrashes }: Pick<Policy, 'maxCrashes'>,
): OverBudget | null {
  if (maxCrashes === undefined || !crashes || tier !== 1 || liveness.cause !== 'process') return null;
  const { earlier } = crashes;
  if (earlier < maxCrashes) return null;
  const alone = crashes.alone === true;
  return { max: maxCrashes, deaths: earlier + 1, alone, outcome: alone ? 'failed' : 'queued' };
}

const PREFIX = 'crash budget';

/** The reason of a claim that fails a job for its crashes. */
export function crashReason({ deaths, max }: OverBudget, reason: string): string {
  return `${PREFIX} deaths=${deaths}>${max}: ${reason}`;
}

/** Whether a claim's reason is that its job has used up its crash budget. */
export function isCrashReason(reason: string): boolean {
  return reason.startsWith(`${PREFIX} `);
}
