import { setTimeout } from 'node:timers/promises';
import { HostReporter } from '../src/activities/host-reporter.js';
import type { Queryable } from '../src/db/database.js';
import { createPool } from '../src/db/pool.js';
import { Sentinel } from '../src/sentinel/sentinel.js';
import type { Servers } from '../servers/index.js';
import { startAgent, type Agent } from './support/agents.js';
import type { Bench, BenchContext, BenchResult } from './support/bench.js';
import { BENCH_HOST, createEnvironment, startBenchServers } from './support/environment.js';
import { insertRunningJobs } from './support/running-jobs.js';
import { rounded } from './support/statistics.js';
import { until } from './support/until.js';

const JOB_COUNTS = [10, 1_000, 10_000, 100_000];
/** Processes that are really started. Beyond that, one process stands for several, which costs the sentinel the same. */
const MAX_AGENTS = 1_000;
const GROUPED = 20;
const SECONDS = 30;
/** Percent of a core: a fiftieth for looks, as much again for reading rows, and what the runtime itself takes. */
const MAX_CORE = 5;

/** What the sentinel of one host costs while nothing dies. */
export const sentinel: Bench = {
  name: 'sentinel',
  about: `The sentinel of one host with healthy running jobs, default settings, ${SECONDS} s or three looks each (above ${MAX_AGENTS} processes, stamps of processes that stand for several; Postgres's own work is not counted)`,
  async run(context) {
    const servers = await startBenchServers(context);
    const agents: Agent[] = [];
    const rows: BenchResult['rows'] = [];
    for (const jobs of JOB_COUNTS) {
      for (const processes of jobs > GROUPED ? [jobs, GROUPED] : [jobs]) {
        context.log(`sentinel: ${jobs} jobs, ${processes} processes`);
        while (agents.length < Math.min(processes, MAX_AGENTS)) agents.push(startAgent(context.cleanup));
        rows.push(await measure(servers, context, { jobs, processes, agents }));
      }
    }
    const failures = rows
      .filter(({ core_percent }) => Number(core_percent) > MAX_CORE)
      .map((row) => `Expected at most ${MAX_CORE} % of a core, got ${JSON.stringify(row)}`);
    return { rows, failures };
  },
};

interface Case {
  jobs: number;
  processes: number;
  agents: readonly Agent[];
}

async function measure(
  servers: Servers,
  context: BenchContext,
  { jobs, processes, agents }: Case,
): Promise<BenchResult['rows'][number]> {
  const { admin, workerUrl } = await createEnvironment(servers, context);
  const stamped = Array.from({ length: processes }, (_, n) => distinct(agents, n));
  await insertRunningJobs(admin, { prefix: 'job', count: jobs, host: BENCH_HOST, agents: stamped });
  await admin.query('vacuum analyze');

  const pool = createPool(workerUrl, { applicationName: 'job-reaper bench sentinel', max: 1 });
  const counts = { queries: 0, queryMs: 0, looks: 0, workS: 0, full: 0, reports: 0 };
  const counted: Queryable = {
    async query(text, values) {
      const beganMs = performance.now();
      const result = await pool.query(text, values);
      counts.queries += 1;
      counts.queryMs += performance.now() - beganMs;
      return result as never;
    },
  };
  const reporter = new HostReporter({ pool: counted, host: BENCH_HOST });
  await reporter.report();
  reporter.examined = () => (counts.full += 1);
  const looking = new Sentinel({
    pool: counted,
    host: BENCH_HOST,
    sharedPidNamespace: false,
    reporter,
    tell: () => Promise.resolve(),
    log: { info: context.log, warn: context.log, error: context.log },
    metrics: {
      countLook: () => (counts.looks += 1),
      countSeconds: (seconds) => (counts.workS += seconds),
      countReport: () => (counts.reports += 1),
    },
  });
  const stop = new AbortController();
  const running = looking.run(stop.signal);
  // The first looks read all rows, and compile.
  await until('three looks', () => Promise.resolve(counts.looks >= 3), 300_000);
  const before = { ...counts };
  const cpu = process.cpuUsage();
  const beganMs = performance.now();
  await setTimeout(1_000 * SECONDS);
  await until('three more looks', () => Promise.resolve(counts.looks >= before.looks + 3), 300_000);
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - beganMs) / 1_000;
  const gained = (name: keyof typeof counts) => counts[name] - before[name];
  stop.abort();
  await running;
  await pool.end();
  if (counts.reports > 0) throw new Error(`Expected no report of healthy jobs, got ${counts.reports}`);
  return {
    jobs,
    processes,
    core_percent: rounded((user + system) / 1e4 / seconds, 2),
    looks_per_s: rounded(gained('looks') / seconds, 2),
    work_ms_a_look: rounded((1_000 * gained('workS')) / gained('looks'), 1),
    full_looks: gained('full'),
    queries_per_s: rounded(gained('queries') / seconds, 2),
    query_ms: rounded(gained('queryMs') / Math.max(1, gained('queries')), 1),
  };
}

/** A process of its own, as far as a sentinel can tell: the machine id in a stamp is no part of any verdict. */
function distinct(agents: readonly Agent[], n: number): Pick<Agent, 'pid' | 'processIdentity'> {
  const agent = agents[n % Math.min(agents.length, MAX_AGENTS)];
  if (agent === undefined) throw new Error('Expected an agent, got none');
  const { pid, processIdentity } = agent;
  if (n < agents.length) return { pid, processIdentity };
  const machine = n.toString(16).padStart(32, '0');
  return { pid, processIdentity: processIdentity.replace(/^linux:[^:]*/, `linux:${machine}`) };
}
