import { readBoots } from '../db/boots.js';
import { readControl } from '../db/control.js';
import { findClaimTrouble } from '../db/claim-trouble.js';
import { findRunningJob } from '../db/find-running-job.js';
import { whyUnwatchable } from '../domain/watchable.js';
import { findWorkerTrouble } from '../db/inspect/workers.js';
import { readHostState } from '../db/host-state.js';
import { listHolds, type Hold } from '../db/holds.js';
import { listLedger } from '../db/ledger.js';
import { observeRun } from '../db/observe-run.js';
import { listWouldBeReaps } from '../db/would-be-reaps.js';
import type { JobRun } from '../domain/types.js';
import { bootsInDoubt, driverFor, probeProcess } from '../liveness/index.js';
import type { ExplainContext } from './context.js';
import { readRecordedSweep } from './last-sweep.js';
import { askHost } from './ask-host.js';
import { askHostWatch, askWatch } from './ask-watch.js';
import type { ExplainFacts, ProbeFacts, RunningFacts } from './facts.js';

/** The maximum number of past claims, and of would-be reaps. */
const PAST_LIMIT = 20;
/** Gathers everything known about a job. Postgres must answer; Temporal need not. */
export async function gatherFacts(context: ExplainContext, jobId: string): Promise<ExplainFacts> {
  const [run, control, lastSweep, ledger, wouldBe] = await context.query((pool) =>
    Promise.all([
      findRunningJob(pool, jobId),
      readControl(pool),
      readRecordedSweep(pool),
      listLedger(pool, { jobId, limit: PAST_LIMIT }),
      listWouldBeReaps(pool, jobId, PAST_LIMIT),
    ]),
  );
  const running = run && (await gatherRunning(context, run));
  return { jobId, nowMs: Date.parse(control.now), control, lastSweep, running, ledger, wouldBe };
}

/** Null if the run has ended meanwhile. */
async function gatherRunning(context: ExplainContext, found: JobRun): Promise<RunningFacts | null> {
  const unwatchable = whyUnwatchable(found);
  const [facts, holds, trouble, host, workerTrouble] = await context.query((pool) =>
    Promise.all([
      observeRun(pool, found),
      listHolds(pool),
      findClaimTrouble(pool, found),
      found.host === null ? null : readHostState(pool, found.host),
      found.host === null && found.pid === null ? findWorkerTrouble(pool, found.runId) : null,
    ]),
  );
  // A row without a run key cannot be found by it.
  const run = unwatchable === null ? facts.run : found;
  if (run === null) return null;
  const [probed, watches] = await Promise.all([
    probe(run, context),
    unwatchable === null ? askWatches(context, run) : { watch: { kind: 'none' as const } },
  ]);
  return {
    run,
    unwatchable,
    block: facts.block,
    trouble,
    workerTrouble,
    holds: holds.filter((hold) => isAbout(hold, run)),
    hostGoneBy: facts.hostGoneBy,
    placeGone: facts.placeGone,
    alerted: facts.alerted,
    alertedUnknown: facts.alertedUnknown,
    crashes: facts.crashes,
    hasStages: facts.hasStages,
    host,
    probe: probed,
    ...watches,
  };
}

/** A Temporal that does not answer for one watch is not asked for the other. */
async function askWatches(
  context: ExplainContext,
  run: JobRun,
): Promise<Pick<RunningFacts, 'watch' | 'hostWatch'>> {
  const watch = await askWatch(context, run);
  return { watch, hostWatch: watch.kind === 'unreachable' ? null : await askHostWatch(context, run.host) };
}

function isAbout({ kind, value }: Hold, run: JobRun): boolean {
  return value === { job: run.jobId, agent: run.agent, repo: run.repo, host: run.host }[kind];
}

/** A pid has a meaning only on its own host: what is not here is asked there. */
async function probe(run: JobRun, context: ExplainContext): Promise<ProbeFacts> {
  const { settings } = context;
  if (run.host === null || run.host === '') return { kind: 'nowhere' };
  if (run.host !== settings.REAPER_HOST) {
    const liveness = await askHost(context, run);
    return liveness === null
      ? { kind: 'elsewhere', host: run.host }
      : { kind: 'there', host: run.host, liveness };
  }
  const sharedPidNamespace = settings.REAPER_SHARED_PID_NAMESPACE;
  const driver = await driverFor(settings.REAPER_PROC).prepare([run]);
  const seen = probeProcess(run, { sharedPidNamespace, driver });
  const inDoubt = bootsInDoubt(run, seen, driver);
  if (inDoubt.length === 0) return { kind: 'here', liveness: seen };
  const stamps = run.processIdentity === null ? [] : [run.processIdentity];
  const boots = await context.query((pool) => readBoots(pool, inDoubt, stamps));
  return { kind: 'here', liveness: probeProcess(run, { sharedPidNamespace, driver, boots }) };
}
