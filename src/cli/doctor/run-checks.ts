import { messageOf } from '../errors.js';
import {
  fail,
  ofServerState,
  warn,
  type Check,
  type DoctorContext,
  type Finding,
  type Need,
} from './check.js';

/** A finding with the name of its check. */
export interface Diagnosis extends Finding {
  check: string;
  /** It was not run, because something that it needs is missing. */
  skipped?: true;
}

/** Runs checks one after the other; one whose needs are not met is reported as skipped. Never throws. */
export async function runChecks(checks: readonly Check[], context: DoctorContext): Promise<Diagnosis[]> {
  const proven = new Set<Need>();
  const diagnoses: Diagnosis[] = [];
  for (const check of checks) {
    const missing = check.needs.filter((need) => !proven.has(need));
    if (missing.length > 0) {
      const finding = warn('a result', `skipped: needs ${missing.join(', ')}`, 'fix what failed above');
      diagnoses.push({ check: check.name, skipped: true, ...finding });
      continue;
    }
    const findings = await runOne(check, context);
    if (check.proves && findings.every(({ level }) => level !== 'fail')) proven.add(check.proves);
    diagnoses.push(...findings.map((finding) => ({ check: check.name, ...finding })));
  }
  return diagnoses;
}

async function runOne(check: Check, context: DoctorContext): Promise<Finding[]> {
  try {
    return await check.run(context);
  } catch (error) {
    return [
      ofServerState(error) ??
        fail('an answer', messageOf(error), 'fix this first, then run job-reaper doctor again'),
    ];
  }
}
