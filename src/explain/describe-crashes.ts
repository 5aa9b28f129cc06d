import type { CrashFacts } from '../domain/crash-budget.js';
import type { Policy } from '../domain/types.js';

/** Describes how often the job has died by its own process, and what follows at the next time; nothing without a crash budget. */
export function describeCrashes(
  crashes: CrashFacts | null,
  { maxCrashes }: Pick<Policy, 'maxCrashes'>,
): string[] {
  if (crashes === null || maxCrashes === undefined) return [];
  const { earlier, alone } = crashes;
  const had = `its job has died ${earlier} times by its own process, of REAPER_MAX_CRASHES=${maxCrashes}`;
  if (earlier < maxCrashes) return [had];
  return [
    `${had}: its next such death ` +
      (alone === true
        ? 'fails it, because no other job runs in its process'
        : 'only causes an alert, because other jobs run in its process, or may do so'),
  ];
}
