import { FAULTS } from './faults/index.js';
import type { Violation } from './invariants/invariant.js';
import { groupBy } from './invariants/group-by.js';
import { deadTimeS, longestWaitS } from './invariants/nobody-waits.js';
import { JUDGED, WITHIN_BUDGET } from './invariants/index.js';
import type { Drawn, Fate } from './schedule.js';
import type { Tally } from './tally.js';
import type { TortureResult } from './torture.js';
import type { ServiceOptions } from './world/service.js';
import type { World } from './world/world.js';

/** Says what was injected, what happened meanwhile, and what held. */
export function reportRun(
  { facts, seed, probes }: World,
  { drawn, repairedAfterS, looks, underFaults }: TortureResult,
  seconds: number,
): string {
  const fates = groupBy(drawn, ({ fate }) => fate);
  const count = (fate: Fate) => size(fates.get(fate));
  const lastFailed = fates.get('failed')?.at(-1);
  const { runs, ledger, moves, statuses } = facts.queue;
  const ends = [...runs.values()].flatMap((run) => run.ends);
  const jobs = groupBy(statuses.values(), (status) => status);
  const tiers = groupBy(
    ledger,
    ({ tier, pid }) => `tier ${tier}${tier === 3 && pid === null ? ' without a pid' : ''}`,
  );
  const dead = deadTimeS(facts);
  return [
    `seed ${seed}, faults for ${seconds} s, ${count('injected')} faults injected:`,
    '',
    faultTable(drawn),
    '',
    `${drawn.length} were drawn. Of the others, ${count('nobody')} found no target, ${count('failed')} failed because something that they needed was away (the last: ${lastFailed ? `${lastFailed.kind}: ${lastFailed.error}` : 'none'}), and ${count('left out')} were skipped because too much was in progress`,
    ...probes.map(({ service }) => describeProbeUser(service.options.user)),
    `${statuses.size} jobs: ${size(jobs.get('done'))} done, ${size(jobs.get('failed'))} failed, ${statuses.size - size(jobs.get('done')) - size(jobs.get('failed'))} others`,
    `${runs.size} runs: ${ends.filter(({ by }) => by === 'launcher').length} ended by their monitors, ${ledger.length} reaped (${[
      ...tiers,
    ]
      .map(([tier, rows]) => `${tier}: ${rows.length}`)
      .sort()
      .join(', ')}); ${moves.length} stages advanced`,
    `${size(facts.received)} notifications received, ${facts.temporal.stories.length} histories of watches and ${facts.temporal.hostStories.length} of host watches read`,
    `everything was repaired ${repairedAfterS.toFixed(0)} s after the last fault`,
    `longest wait of a dead run, counting only time in which it could have been repaired: ${longestWaitS(facts).toFixed(0)} s (of ${dead.all.toFixed(0)} s for which runs were dead, ${dead.counted.toFixed(0)} s counted)`,
    `while faults were injected, ${describeTally(underFaults.looks)} looks and ${describeTally(underFaults.histories)} readings of histories succeeded`,
    `What held (there were ${looks.done} looks):`,
    ...JUDGED.filter(({ invariants }) => invariants !== WITHIN_BUDGET).flatMap(({ when, invariants }) => [
      `${when}:`,
      ...invariants.map(({ name, promise }) => `- ${name}: ${promise}`),
    ]),
  ].join('\n');
}

/** Says which promises were broken, when, and with which seed. */
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

/** All kinds of faults and how often each was injected, as a table for docs/reliability.md. */
export function faultTable(drawn: readonly Drawn[]): string {
  const times = (kind: string) =>
    drawn.filter((each) => each.kind === kind && each.fate === 'injected').length;
  const rows = FAULTS.map(({ kind }) => ({ kind, times: times(kind) })).sort((a, b) => b.times - a.times);
  const width = Math.max(...rows.map(({ kind }) => kind.length));
  const row = (kind: string, count: string) => `| ${kind.padEnd(width)} | ${count.padEnd(5)} |`;
  return [
    row('fault', 'times'),
    row('-'.repeat(width), '-----'),
    ...rows.map(({ kind, times }) => row(kind, String(times))),
  ].join('\n');
}

/** Whether the probe had to tell "not allowed" from "not there". */
export function describeProbeUser(user: ServiceOptions['user']): string {
  return user === undefined
    ? 'NOT TRIED: a probe that may not signal the agents (EPERM). It ran as the same user as they did: run this as root, in a folder that the user `postgres` or `nobody` can read'
    : `the probe of host south ran as user ${user.uid}, which may not signal the agents: it had to tell "not allowed" (EPERM) from "not there"`;
}

function describeTally({ done, failed }: Tally): string {
  return `${done} of ${done + failed}`;
}

function size(of: { length: number } | undefined): number {
  return of?.length ?? 0;
}
