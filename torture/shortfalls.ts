import { groupBy } from './invariants/group-by.js';
import { FAULTS } from './faults/index.js';
import { LONG_RUN_S, SURE, type Drawn } from './schedule.js';
import type { Tally } from './tally.js';

/** Minimum share of the drawn faults that must be injected: many find no target, above all those that lie in wait. */
const MIN_INJECTED = 1 / 3;
/** Maximum share of them that may fail because something that they need is away. */
const MAX_FAILED = 1 / 3;
/** Minimum shares that must succeed: Postgres is away at times, and so is Temporal, which a short run reads only two or three times. */
const MIN_LOOKS = 0.5;
const MIN_HISTORIES = 0.25;
/** A kind that was tried this often and never injected is broken. */
const TRIED_IN_VAIN = 40;

/** The figures that say how hard a run was. */
export interface Effort {
  /** How long faults were injected. */
  seconds: number;
  drawn: readonly Drawn[];
  /** Looks at all facts while faults were injected. */
  looks: Tally;
  /** Readings of histories meanwhile. */
  histories: Tally;
}

/** Why a run in which all promises held proves little, in words: it broke or checked less than planned. */
export function findShortfalls({ seconds, drawn, looks, histories }: Effort): string[] {
  const injected = drawn.filter(({ fate }) => fate === 'injected');
  const found: string[] = [];
  if (injected.length < MIN_INJECTED * drawn.length) {
    found.push(
      `expected at least ${percent(MIN_INJECTED)} of ${drawn.length} faults to be injected, got ${injected.length}${lastError(drawn)}`,
    );
  }
  const failed = drawn.filter(({ fate }) => fate === 'failed');
  if (failed.length > MAX_FAILED * drawn.length) {
    found.push(
      `expected at most ${percent(MAX_FAILED)} of ${drawn.length} faults to fail, got ${failed.length}${lastError(drawn)}`,
    );
  }
  for (const { kind } of seconds < LONG_RUN_S ? SURE : FAULTS) {
    if (injected.some((each) => each.kind === kind)) continue;
    found.push(
      `expected "${kind}" to be injected, but it never was${lastError(drawn.filter((each) => each.kind === kind))}`,
    );
  }
  const tried = drawn.filter(({ fate }) => fate !== 'left out');
  for (const [kind, all] of groupBy(tried, (each) => each.kind)) {
    if (all.length < TRIED_IN_VAIN || all.some(({ fate }) => fate === 'injected')) continue;
    found.push(
      `expected "${kind}", which was tried ${all.length} times, to be injected, but it never was${lastError(all)}`,
    );
  }
  for (const [what, least, { done, failed, lastError: error }] of [
    ['looks at all facts', MIN_LOOKS, looks],
    ['readings of histories', MIN_HISTORIES, histories],
  ] as const) {
    if (done > 0 && done >= least * (done + failed)) continue;
    found.push(
      `expected at least ${percent(least)} of ${done + failed} ${what} to succeed while faults were injected, got ${done} (last failure: ${error || 'none'})`,
    );
  }
  return found;
}

function lastError(drawn: readonly Drawn[]): string {
  const last = drawn.findLast(({ error }) => error !== undefined);
  return last === undefined ? '' : ` (last failure, ${last.kind}: ${last.error})`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
