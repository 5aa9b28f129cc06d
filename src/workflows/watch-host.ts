import { continueAsNew, log, setHandler, sleep, workflowInfo } from '@temporalio/workflow';
import type { WavePlan } from '../activities/host-watch.js';
import type { HostPage } from '../domain/host-look.js';
import { describeFailure } from './activity-failures.js';
import { planHostWave, settlePage } from './activity-proxies.js';
import { firstLook, lookAgain, type SeenPage } from './host-looks.js';
import { HostWatch, type HostWatchInput, type HostWatchResult } from './host-watch-state.js';
import { hostWatchQuery } from './messages.js';
import { checkReadable } from './payload-converter.js';

/** Runs on a page, and pages in a wave: all looks of a wave together stay far below what a history can hold. */
const PAGE_SIZE = 500;
const PAGES = 10;
/** Milliseconds by which two clocks may disagree about a wait: a look that came too early would not count. */
const CLOCK_MARGIN_MS = 20;
/** Further looks at runs whose last one got too old before they could be claimed: in a storm, a task of Temporal's can wait for minutes. */
const FURTHER_LOOKS = 3;

/**
 * Repairs all runs of one host together, when too many show a symptom to watch them one by one. In waves: a first look at all pages at
 * once, one wait, further looks at the same runs, then claims. It holds names and digests, never a row: facts are read where they are
 * needed. It always ends; what is left is the sweep's.
 */
export async function watchHost(input: HostWatchInput): Promise<HostWatchResult> {
  checkReadable(input);
  const watch = new HostWatch(input);
  setHandler(hostWatchQuery, () => watch.state(), { description: 'What the host watch has done so far' });
  const size = { pageSize: input.pageSize ?? PAGE_SIZE, pages: input.pages ?? PAGES };
  for (let waves = 0; ; waves += 1) {
    watch.enter('looking');
    try {
      const plan = await planHostWave(watch.host, watch.after, size);
      watch.stopped = plan.stop;
      if (watch.stopped === null) await playWave(watch, plan);
      if (watch.stopped !== null || plan.next === null) break;
      watch.after = plan.next;
      watch.waves += 1;
    } catch (error) {
      watch.stopped = describeFailure(error);
      watch.leave(1, watch.stopped);
      log.warn('a host watch could not go on; the next sweep sees to what is left', { error });
      break;
    }
    if (workflowInfo().continueAsNewSuggested || waves + 1 >= (input.continueAfterWaves ?? Infinity)) {
      await continueAsNew<typeof watchHost>({ ...input, carried: watch.carry() });
    }
  }
  watch.enter('over');
  return { ...watch.counts, stopped: watch.stopped };
}

/** One wave: each page by itself, so that the first one is settled while others are still looked at. */
async function playWave(watch: HostWatch, plan: WavePlan): Promise<void> {
  await Promise.all(plan.pages.map((page) => playPage(watch, plan, page)));
}

/** What one look decides is settled at once, the rest after further looks. */
async function playPage(watch: HostWatch, plan: WavePlan, page: HostPage): Promise<void> {
  const seen = await firstLook(watch, plan, page);
  if (seen === null) return;
  const once = seen.only(({ once }) => once);
  const dead = seen.only((kind) => !kind.once && kind.state === 'dead');
  const unknown = seen.only((kind) => !kind.once && kind.state !== 'dead');
  await Promise.all([
    settle(watch, plan, once),
    confirm(watch, plan, dead, plan.confirmMs),
    confirm(watch, plan, unknown, 1000 * plan.limits.intervalS),
  ]);
}

/** Looks again at the same runs, as often as the policy wants, and settles those that every look named. */
async function confirm(watch: HostWatch, plan: WavePlan, first: SeenPage, waitMs: number): Promise<void> {
  let seen: SeenPage | null = first;
  for (let looks = 1; looks < plan.looks; looks += 1) {
    if (seen === null || seen.size === 0) return;
    watch.enter('waiting');
    await sleep(waitMs + CLOCK_MARGIN_MS, { summary: 'Look again at those that look dead' });
    watch.enter('looking');
    seen = await lookAgain(watch, plan, seen);
  }
  if (seen !== null) await settle(watch, plan, seen);
}

/** Claims what all looks named. Where the last look got too old for that, another one takes its place. */
async function settle(watch: HostWatch, plan: WavePlan, looked: SeenPage): Promise<void> {
  let seen: SeenPage | null = looked;
  for (let further = FURTHER_LOOKS; seen !== null && seen.size > 0; further -= 1) {
    const aged = await settleOnce(watch, seen, further > 0);
    if (aged.length === 0) return;
    watch.enter('looking');
    seen = await lookAgain(watch, plan, seen.withoutLastLook(aged));
  }
}

/** Returns the positions of the runs whose last look got too old. */
async function settleOnce(
  watch: HostWatch,
  { runs, looks, size }: SeenPage,
  mayLookAgain: boolean,
): Promise<readonly number[]> {
  watch.enter('settling');
  const { firstExecutionRunId: claimer, workflowId } = workflowInfo();
  try {
    const settled = await settlePage({ runs, looks, claimer, workflowId, mayLookAgain });
    watch.settled(settled);
    return settled.aged ?? [];
  } catch (error) {
    watch.leave(size, `they could not be claimed: ${describeFailure(error)}`);
    return [];
  }
}
