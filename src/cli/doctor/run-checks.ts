import { messageOf } from '../errors.js';
import { fail, warn, type Check, type DoctorContext, type Finding, type Need } from './check.js';

/** A finding with the name of its check. */
export interface Diagnosis extends Finding {
  check: string;
}

/** Runs checks one after the other; one whose needs are not met is reported as skipped. Never throws. */
export async function runChecks(checks: readonly Check[], context: DoctorContext): Promise<Diagnosis[]> {
  const proven = new Set<Need>();
  const diagnoses: Diagnosis[] = [];
  for (const check of checks) {
    const missing = check.needs.filter((need) => !proven.has(need));
    const findings =
      missing.length > 0
        ? [warn('a result', `skipped: needs ${missing.join(', ')}`, 'fix what failed above')]
        : await runOne(check, context);
    if (check.proves && missing.length === 0 && findings.every(({ level }) => level !== 'fail')) {
      proven.add(check.proves);
    }
    diagnoses.push(...findings.map((finding) => ({ check: check.name, ...finding })));
  }
  return diagnoses;
}

async function runOne(check: Check, context: DoctorContext): Promise<Finding[]> {
  try {
    return await check.run(context);
  } catch (error) {
    return [fail('an answer', messageOf(error), 'fix this first, then run job-reaper doctor again')];
  }
}
