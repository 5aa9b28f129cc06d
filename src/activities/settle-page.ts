import { setTimeout } from 'node:timers/promises';
import { oweBackstopAlerts, type AlertToOwe } from '../db/backstop-alert.js';
import type { BatchResult } from '../db/claim-many.js';
import { observeRuns, type ManyFacts } from '../db/observe-run.js';
import { planClaim } from '../domain/claim-plan.js';
import { livenessOf, type SeenKind, type SeenRun } from '../domain/host-look.js';
import { judgeLooks } from '../domain/judge-looks.js';
import { runName } from '../domain/run-name.js';
import type { Settled } from '../domain/settled.js';
import type { RunRef } from '../domain/types.js';
import { createBatchClaimer, type Planned } from './claim-batches.js';
import { giveUpOnAnswer } from './give-up.js';
import type { HostWatchActivitiesOptions } from './host-watch.js';
import { noteTrouble } from './note-trouble.js';
import { digestOf } from './run-digest.js';

/** Tries for a run that is locked or changes. After them it is left to the sweep. */
const TRIES = 3;
/** Milliseconds between two of them. */
const RETRY_MS = 200;
/** Milliseconds after which nothing more is tried: the looks get old. */
const LIMIT_MS = 25_000;
/** Milliseconds after which `reaper.claim` no longer believes a look, by the database's clock. */
const LOOK_LASTS_MS = 30_000;
/** Job ids and reasons that a result names. */
const NAMED = 3;
const MAX_WHY = 200;

/** The looks at a page that are to be settled. */
export interface PageLooks {
  runs: readonly SeenRun[];
  /** For each look, the kind that it saw of each run. */
  looks: readonly {
    nowMs: number;
    readMs: number;
    kinds: readonly SeenKind[];
    seen: readonly number[];
  }[];
  claimer: string;
  workflowId: string;
  /** The caller takes another look at runs whose look got too old. Older workflows do not. */
  mayLookAgain?: boolean;
}

const NOTHING_SETTLED: Settled = {
  proven: 0,
  won: 0,
  lost: 0,
  recorded: 0,
  alerted: 0,
  held: 0,
  left: 0,
  stop: null,
  sample: [],
  why: [],
};

/** The activity that settles what a host watch saw. */
export function createSettler(options: HostWatchActivitiesOptions) {
  const { pool, looks, others, log, noteReading } = options;
  const claimInBatches = createBatchClaimer(options);

  return {
    /**
     * Reads the runs of a page afresh, judges those that still are as the looks saw them, and claims what is to be reaped. Run again
     * after its results were lost, it knows its own wins, and neither logs nor counts them a second time.
     */
    async settlePage(page: PageLooks): Promise<Settled> {
      const deadline = performance.now() + LIMIT_MS;
      const settled: Settled = { ...NOTHING_SETTLED, sample: [], why: [] };
      const aged: number[] = [];
      let open = new Map(page.runs.map(([jobId, runKey], index) => [runName({ jobId, runKey }), index]));
      for (let tries = 1; open.size > 0; tries += 1) {
        const refs = [...open.values()].flatMap((index) => {
          const run = page.runs[index];
          return run === undefined ? [] : [{ jobId: run[0], runKey: run[1] }];
        });
        const askedMs = performance.now();
        const facts = await giveUpOnAnswer(() => observeRuns(looks, refs));
        const databaseMs = facts.running[0]?.readMs;
        const isStep =
          databaseMs !== undefined && noteReading({ databaseMs, askedMs, gotMs: performance.now() });
        if (isStep) {
          leave(settled, open.size, "the database's clock has stepped");
          break;
        }
        countOver(facts, page, refs, settled);
        const { planned, alerts } = judgeAll(facts.running, page, open, settled);
        if (tries === 1) settled.proven = planned.length;
        await alertAll(alerts, settled);
        const again = settled.stop === null ? await claimAll(planned, page, deadline, settled) : [];
        const indexes = open;
        const indexOf = (result: BatchResult) => indexes.get(runName(result)) ?? -1;
        const nowMs = performance.now();
        // What passed since the database's clock was read, this process's clock tells.
        const ageMs = (databaseMs ?? 0) + nowMs - askedMs - (page.looks.at(-1)?.readMs ?? 0);
        const isOld = ageMs > LOOK_LASTS_MS || nowMs > deadline;
        if (isOld || tries === TRIES || settled.stop !== null) {
          const mayLook = isOld && page.mayLookAgain === true && settled.stop === null;
          for (const result of again) {
            if (mayLook && result.result !== 'busy') aged.push(indexOf(result));
            else leave(settled, 1, result.detail);
          }
          break;
        }
        open = new Map(again.map((result) => [runName(result), indexOf(result)]));
        if (open.size > 0) await setTimeout(RETRY_MS * tries);
      }
      return { ...settled, proven: settled.proven - aged.length, aged };
    },
  };

  /** Counts those that are no longer running: an attempt whose answer was lost has won them, or somebody else ended them. */
  function countOver(
    { running, reaped }: ManyFacts,
    page: PageLooks,
    refs: readonly RunRef[],
    settled: Settled,
  ): void {
    const isRunning = new Set(running.map(({ run }) => runName(run)));
    const mine = new Set(reaped.filter(({ claimer }) => claimer === page.claimer).map(runName));
    for (const ref of refs) {
      if (isRunning.has(runName(ref))) continue;
      if (mine.has(runName(ref))) win(settled, ref);
      else settled.lost += 1;
    }
  }

  /** Sorts the runs by what is to be done about them; what needs nothing more is counted. */
  function judgeAll(
    facts: ManyFacts['running'],
    page: PageLooks,
    open: ReadonlyMap<string, number>,
    settled: Settled,
  ): { planned: Planned[]; alerts: AlertToOwe[] } {
    const planned: Planned[] = [];
    const alerts: AlertToOwe[] = [];
    for (const fact of facts) {
      const { run, block, policy, alerted, alertedUnknown, crashes } = fact;
      const index = open.get(runName(run)) ?? -1;
      if (page.runs[index]?.[2] !== digestOf(run)) {
        leave(settled, 1, 'its row has changed since the look');
      } else if (block !== null && isStop(block)) {
        settled.stop = block;
        leave(settled, 1, block);
      } else if (block !== null && !block.startsWith('observe')) {
        settled.held += 1;
      } else {
        const seen = page.looks.flatMap(({ nowMs, kinds, seen: indexes }) => {
          const kind = kinds[indexes[index] ?? -1];
          return kind === undefined ? [] : [{ nowMs, kind, liveness: livenessOf(kind, run) }];
        });
        const judged = judgeLooks({ run, alerted, alertedUnknown, crashes }, seen, policy);
        const { verdict } = judged ?? {};
        if (
          judged !== null &&
          verdict?.kind === 'reap' &&
          !(verdict.path === 'exit-zero' && fact.hasStages)
        ) {
          const { observation, memory } = judged;
          const isDone = verdict.path === 'exit-zero';
          const plan = planClaim(verdict, observation, memory, policy, isDone ? WITHOUT_STAGES : null);
          const { evidence } = observation.liveness;
          // Not by the facts read now: a declaration that was withdrawn since the look is not among them.
          const isDeclared = seen.at(-1)?.kind.declared === true;
          planned.push({ run, plan, hostGoneBy: isDeclared ? evidence : null });
        } else if (verdict?.kind === 'alert') {
          const kind = verdict.about === 'alive' ? 'backstop alive' : 'backstop unknown';
          alerts.push({ run, reason: verdict.reason, kind });
        } else {
          leave(settled, 1, verdict?.kind === 'reap' ? 'its gate is to be asked' : 'it takes another look');
        }
      }
    }
    return { planned, alerts };
  }

  async function alertAll(alerts: readonly AlertToOwe[], settled: Settled): Promise<void> {
    if (alerts.length === 0) return;
    for (const { run, text } of await giveUpOnAnswer(() => oweBackstopAlerts(others, alerts))) {
      log.warn(text, { job_id: run.jobId, run_key: run.runKey });
    }
    settled.alerted += alerts.length;
  }

  /** Claims all; returns those that may be claimed a moment later. */
  async function claimAll(
    planned: readonly Planned[],
    page: PageLooks,
    deadline: number,
    settled: Settled,
  ): Promise<BatchResult[]> {
    const byRun = new Map(planned.map((each) => [runName(each.run), each]));
    const again: BatchResult[] = [];
    for (const result of await claimInBatches(planned, page, deadline)) {
      const { run } = byRun.get(runName(result)) ?? {};
      if (run === undefined) continue;
      switch (result.result) {
        case 'won':
          win(settled, run);
          break;
        case 'lost':
          settled.lost += 1;
          break;
        case 'blocked':
          if (result.detail.startsWith('observe')) settled.recorded += 1;
          else if (isStop(result.detail)) {
            settled.stop = result.detail;
            leave(settled, 1, result.detail);
          } else settled.held += 1;
          break;
        case 'error':
          await noteTrouble({ pool, log }, run, { kind: 'failed', why: result.detail, facts: run });
          leave(settled, 1, result.detail);
          break;
        case 'busy':
        case 'changed':
        case 'left':
          again.push(result);
      }
    }
    return again;
  }
}

/** What asking about an exit 0 comes to on a queue without stages. */
const WITHOUT_STAGES = { kind: 'done', reason: 'exit0, no stage', advance: null, gate: null } as const;

/** Whether a block is about all runs, so that nothing more is to be tried. */
function isStop(block: string): boolean {
  return block.startsWith('paused by ') || block.startsWith('disabled by ');
}

function win(settled: Settled, { jobId }: RunRef): void {
  settled.won += 1;
  if (settled.sample.length < NAMED) settled.sample.push(jobId);
}

function leave(settled: Settled, count: number, why: string): void {
  settled.left += count;
  const text = why.slice(0, MAX_WHY);
  if (settled.why.length < NAMED && !settled.why.includes(text)) settled.why.push(text);
}
