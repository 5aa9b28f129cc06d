import { groupBy } from './invariants/group-by.js';
import { FAULTS } from './faults/index.js';
import { LONG_RUN_S, SURE, type Drawn } from './schedule.js';
import type { Tally } from './tally.js';

/** Least share of the drawn faults that has to be injected: many find nobody to hit, most of all those that lie in wait. */
const LEAST_INJECTED = 1 / 3;
/** Greatest share of them that may fail, since whoever they need is away. */
const MOST_FAILED = 1 / 3;
/** Least shares that have to come off: Postgres is away at times, and Temporal, of which a short run reads only two or three times. */
const LEAST_LOOKS = 0.5;
const LEAST_HISTORIES = 0.25;
/** A kind that was tried so often and never injected is broken. */
const TRIED_IN_VAIN = 40;

/** What tells how hard a run was. */
export interface Effort {
  /** In which faults were injected. */
  seconds: number;
  drawn: readonly Drawn[];
  /** Looks at all facts while faults were injected. */
  looks: Tally;
  /** Readings of histories meanwhile. */
  histories: Tally;
}

/** Why a run in which all promises held says little, in words: it broke or saw less than it was meant to. */
export function findShortfalls({ seconds, drawn, looks, histories }: Effort): string[] {
  const injected = drawn.filter(({ fate }) => fate === 'injected');
  const found: string[] = [];
  if (injected.length < LEAST_INJECTED * drawn.length) {
    found.push(
      `expected at least ${percent(LEAST_INJECTED)} of ${drawn.length} faults to be injected, got ${injected.length}${lastError(drawn)}`,
    );
  }
  const failed = drawn.filter(({ fate }) => fate === 'failed');
  if (failed.length > MOST_FAILED * drawn.length) {
    found.push(
      `expected at most ${percent(MOST_FAILED)} of ${drawn.length} faults to fail, got ${failed.length}${lastError(drawn)}`,
    );
  }
  for (const { kind } of seconds < LONG_RUN_S ? SURE : FAULTS) {
    if (injected.some((each) => each.kind === kind)) continue;
    found.push(
      `expected "${kind}" to be injected, got it never${lastError(drawn.filter((each) => each.kind === kind))}`,
    );
  }
  const tried = drawn.filter(({ fate }) => fate !== 'left out');
  for (const [kind, all] of groupBy(tried, (each) => each.kind)) {
    if (all.length < TRIED_IN_VAIN || all.some(({ fate }) => fate === 'injected')) continue;
    found.push(
      `expected "${kind}", which was tried ${all.length} times, to be injected, got it never${lastError(all)}`,
    );
  }
  for (const [what, least, { done, failed, lastError: error }] of [
    ['looks at all facts', LEAST_LOOKS, looks],
    ['readings of histories', LEAST_HISTORIES, histories],
  ] as const) {
    if (done > 0 && done >= least * (done + failed)) continue;
    found.push(
      `expected at least ${percent(least)} of ${done + failed} ${what} to come off while faults were injected, got ${done} (the last that failed: ${error || 'none'})`,
    );
  }
  return found;
}

function lastError(drawn: readonly Drawn[]): string {
  const last = drawn.findLast(({ error }) => error !== undefined);
  return last === undefined ? '' : ` (the last that failed, ${last.kind}: ${last.error})`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
