import { renderTable } from '../../src/cli/table.js';
import type { Violation } from './invariants/invariant.js';
import { groupBy } from './invariants/group-by.js';
import { JUDGED } from './invariants/index.js';
import type { TortureResult } from './torture.js';
import type { World } from './world/world.js';

/** What was injected, what happened meanwhile, and what held. */
export function reportRun(
  { facts, seed }: World,
  { schedule, repairedAfterS, looks }: TortureResult,
  seconds: number,
): string {
  const counts = [...groupBy(schedule.injected, ({ kind }) => kind)]
    .map(([kind, injected]): [string, number] => [kind, injected.length])
    .sort(([, a], [, b]) => b - a);
  const { runs, ledger, moves, statuses } = facts.queue;
  const ends = [...runs.values()].flatMap((run) => run.ends);
  const jobs = groupBy(statuses.values(), (status) => status);
  const size = (of: { length: number } | undefined) => of?.length ?? 0;
  const tiers = groupBy(
    ledger,
    ({ tier, pid }) => `tier ${tier}${tier === 3 && pid === null ? ' without a pid' : ''}`,
  );
  return [
    `seed ${seed}, faults for ${seconds} s, ${schedule.injected.length} faults injected:`,
    renderTable(['fault', 'times'], counts),
    `${schedule.failed.length} others came to nothing, since whoever they needed was away (the last: ${schedule.failed.at(-1)?.kind ?? 'none'})`,
    `${statuses.size} jobs: ${size(jobs.get('done'))} done, ${size(jobs.get('failed'))} failed, ${statuses.size - size(jobs.get('done')) - size(jobs.get('failed'))} others`,
    `${runs.size} runs: ${ends.filter(({ by }) => by === 'launcher').length} ended by their monitors, ${ledger.length} reaped (${[
      ...tiers,
    ]
      .map(([tier, rows]) => `${tier}: ${rows.length}`)
      .sort()
      .join(', ')}); ${moves.length} stages advanced`,
    `${size(facts.received)} messages to people, ${facts.temporal.stories.length} histories of watches read`,
    `everything was repaired ${repairedAfterS.toFixed(0)} s after the last fault`,
    `What held (there were ${looks} looks):`,
    ...JUDGED.flatMap(({ when, invariants }) => [
      `${when}:`,
      ...invariants.map(({ name, promise }) => `- ${name}: ${promise}`),
    ]),
  ].join('\n');
}

/** What was broken, when, and how to see it again. */
export function reportViolations(world: World, violations: readonly Violation[]): string {
  return [
    `VIOLATED at ${new Date().toISOString()}, seed ${world.seed}:`,
    ...violations
      .slice(0, 10)
      .flatMap(({ invariant, what, evidence }) => [
        `- ${invariant}: ${what}`,
        `  evidence: ${JSON.stringify(evidence)}`,
      ]),
    ...(violations.length > 10 ? [`and ${violations.length - 10} more`] : []),
  ].join('\n');
}
