import type { Servers } from '../servers/index.js';
import { startAgent } from './support/agents.js';
import type { Bench, BenchContext, BenchResult } from './support/bench.js';
import { BENCH_HOST, createEnvironment, startBenchServers } from './support/environment.js';
import { countRowWrites } from './support/row-writes.js';
import { insertRunningJobs } from './support/running-jobs.js';
import { median, rounded } from './support/statistics.js';
import { readSweepCosts } from './support/sweep-costs.js';

const JOB_COUNTS = [10, 1_000, 10_000];
const SWEEPS = 20;
/** The maximum actions of a sweep over one host: scan, examine, record, wait, and one to spare. */
const MAX_ACTIONS = 5;
const AGENTS = 4;

/** The cost of healthy jobs while nothing is wrong: it must not grow with their number. */
export const idleCost: Bench = {
  name: 'idle-cost',
  about: `One sweep over healthy running jobs on one host, REAPER_WATCH_ALL_LIMIT=0 (medians of ${SWEEPS} sweeps)`,
  async run(context) {
    const servers = await startBenchServers(context);
    const measured: Measured[] = [];
    for (const jobs of JOB_COUNTS) {
      context.log(`idle-cost: ${jobs} jobs`);
      measured.push(await measure(servers, context, jobs));
    }
    return { rows: measured.map(({ row }) => row), failures: judge(measured) };
  },
};

interface Measured {
  jobs: number;
  row: BenchResult['rows'][number];
  /** One value per sweep, like `actions`. */
  events: number[];
  actions: number[];
  rowsWritten: number;
}

async function measure(servers: Servers, context: BenchContext, jobs: number): Promise<Measured> {
  const environment = await createEnvironment(servers, context);
  const { admin, client, reaperName } = environment;
  const agents = Array.from({ length: AGENTS }, () => startAgent(context.cleanup));
  await insertRunningJobs(admin, { prefix: 'job', count: jobs, host: BENCH_HOST, agents });
  // Autovacuum would have done this long ago if the table had not just been filled.
  await admin.query('vacuum analyze');
  const before = await countRowWrites(admin);

  const worker = environment.startWorker({ REAPER_INTERVAL_S: '1', REAPER_WATCH_ALL_LIMIT: '0' });
  // The first sweeps have cold caches, and the last one has not ended.
  await environment.sweeps(worker, SWEEPS + 4);
  await worker.stop();
  const after = await countRowWrites(admin);
  const written =
    after.inserted - before.inserted + (after.updated - before.updated) + (after.deleted - before.deleted);

  const history = await client.workflow.getHandle(reaperName).fetchHistory();
  const costs = readSweepCosts(history).slice(-SWEEPS);
  const ofActivity = (name: string) => median(costs.map(({ activityMs }) => activityMs[name] ?? NaN));
  return {
    jobs,
    events: costs.map(({ events }) => events),
    actions: costs.map(({ actions }) => actions),
    rowsWritten: written,
    row: {
      jobs,
      sweeps: costs.length,
      events: median(costs.map(({ events }) => events)),
      bytes: rounded(median(costs.map(({ bytes }) => bytes)), 0),
      actions: median(costs.map(({ actions }) => actions)),
      sweep_ms: rounded(median(costs.map(({ ms }) => ms)), 0),
      worst_sweep_ms: rounded(Math.max(...costs.map(({ ms }) => ms)), 0),
      scan_ms: rounded(ofActivity('scan'), 0),
      examine_ms: rounded(ofActivity('examineHost'), 0),
      record_ms: rounded(ofActivity('recordSweep'), 0),
      whole_fleet_seen: `${costs.filter(({ sawAllRuns }) => sawAllRuns).length}/${costs.length}`,
      job_rows_written: written,
    },
  };
}

function judge(measured: Measured[]): string[] {
  const kinds = [...new Set(measured.flatMap(({ events }) => events))];
  const failures = measured.flatMap(({ jobs, actions, rowsWritten }) => [
    ...(rowsWritten === 0 ? [] : [`Expected no write to a job row, got ${rowsWritten} with ${jobs} jobs`]),
    ...(actions.length === SWEEPS && Math.max(...actions) <= MAX_ACTIONS
      ? []
      : [
          `Expected ${SWEEPS} sweeps of at most ${MAX_ACTIONS} actions, got ${actions.join(', ')} with ${jobs} jobs`,
        ]),
  ]);
  if (kinds.length !== 1) {
    failures.push(`Expected every sweep to add the same number of events, got ${kinds.join(' and ')}`);
  }
  return failures;
}
