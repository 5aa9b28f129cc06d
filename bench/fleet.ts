import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Servers } from '../servers/index.js';
import { createProbeActivities } from '../src/activities/probe.js';
import type { Queryable } from '../src/db/database.js';
import { createPool } from '../src/db/pool.js';
import { reportHost } from '../src/db/report-host.js';
import { probeProcess, readPlace, selectDriver } from '../src/liveness/index.js';
import { Names } from '../src/naming.js';
import { startAgent } from './support/agents.js';
import type { Bench, BenchContext, BenchResult } from './support/bench.js';
import { createEnvironment, startBenchServers, type BenchEnvironment } from './support/environment.js';
import { median, rounded } from './support/statistics.js';
import { readSweepCosts } from './support/sweep-costs.js';

const INTERVAL_S = 5;
const RUNS = 100_000;
const HOSTS = [1, 500];
const HOLDS = 1_000;
const CLAIMS = 1_000_000;
const PROCESSES = 200;
const SWEEPS = 3;
/** Scan, record, wait, what may still come, and the hosts in turn. */
const MAX_ACTIONS = 14;
/** Hosts that are asked in turn while this is measured. */
const ASKED = 10 * (SWEEPS + 4);

/** A fleet at rest. */
export const fleet: Bench = {
  name: 'fleet',
  about: `One sweep over ${RUNS} healthy running jobs of ${PROCESSES} processes, ${HOLDS} holds and ${CLAIMS} claims in the ledger, REAPER_INTERVAL_S=${INTERVAL_S} (medians of ${SWEEPS} sweeps); bare: one query of the same rows, and one look at their processes`,
  async run(context) {
    const servers = await startBenchServers(context);
    const rows: BenchResult['rows'] = [];
    const failures: string[] = [];
    for (const hosts of HOSTS) {
      context.log(`fleet: ${hosts} hosts`);
      const { row, actions } = await measure(servers, context, hosts);
      rows.push(row);
      if (actions.length < SWEEPS || Math.max(...actions) > MAX_ACTIONS) {
        failures.push(
          `Expected ${SWEEPS} sweeps of at most ${MAX_ACTIONS} actions, got ${actions.join(', ')} with ${hosts} hosts`,
        );
      }
    }
    return { rows, failures };
  },
};

const hostName = (n: number) => `host-${String(n).padStart(3, '0')}`;

async function measure(servers: Servers, context: BenchContext, hosts: number) {
  const environment = await createEnvironment(servers, context);
  const { admin, client, reaperName } = environment;
  await fill(context, environment, hosts);
  const pool = createPool(environment.workerUrl, { applicationName: 'job-reaper bench probes', max: 4 });
  context.cleanup.add(() => pool.end());
  if (hosts > 1) await startProbes(servers, context, pool, { hosts, reaperName });

  const worker = environment.startWorker({
    REAPER_HOST: hostName(0),
    REAPER_INTERVAL_S: String(INTERVAL_S),
    REAPER_WATCH_ALL_LIMIT: '0',
  });
  await environment.sweeps(worker, SWEEPS + 2);
  await worker.stop();
  const costs = readSweepCosts(await client.workflow.getHandle(reaperName).fetchHistory()).slice(-SWEEPS);
  const ofActivity = (name: string) =>
    rounded(median(costs.map(({ activityMs }) => activityMs[name] ?? NaN)), 0);
  const actions = costs.map((cost) => cost.actions);
  const bare = await measureBare(admin);
  return {
    actions,
    row: {
      hosts,
      sweeps: costs.length,
      actions: median(actions),
      events: median(costs.map(({ events }) => events)),
      sweep_ms: rounded(median(costs.map(({ ms }) => ms)), 0),
      scan_ms: ofActivity('scan'),
      examine_ms: ofActivity('examineHost'),
      record_ms: ofActivity('recordSweep'),
      bare_sql_ms: rounded(bare.sqlMs, 0),
      bare_probe_ms: rounded(bare.probeMs, 0),
    },
  };
}

async function fill(context: BenchContext, { admin }: BenchEnvironment, hosts: number): Promise<void> {
  const agents = Array.from({ length: PROCESSES }, () => startAgent(context.cleanup));
  await admin.query(`insert into agent_runs (id) select 'run-' || n from generate_series(1, $1::int) n`, [
    RUNS,
  ]);
  await admin.query(
    `insert into jobs (id, agent, repo, status, attempts, host, pid, process_identity, run_id, started_at)
       select 'job-' || n, 'developer', 'web', 'running', 1, 'host-' || lpad((n % $2::int)::text, 3, '0'), a.pid, a.identity, 'run-' || n,
              reaper.now() - interval '1 minute'
         from generate_series(1, $1::int) n
         join unnest($3::int[], $4::text[]) with ordinality as a (pid, identity, place) on a.place = 1 + n % cardinality($3::int[])`,
    [RUNS, hosts, agents.map(({ pid }) => pid), agents.map(({ processIdentity }) => processIdentity)],
  );
  await admin.query(
    `insert into reaper.hold (kind, value, reason, by, until)
       select (array['job', 'agent', 'repo', 'host'])[1 + n % 4], 'held-' || n, 'bench', 'bench', reaper.now() + interval '1 hour'
         from generate_series(1, $1::int) n`,
    [HOLDS],
  );
  await admin.query(
    `insert into reaper.ledger (job_id, run_key, agent, outcome, tier, reason, evidence, claimer, workflow_id)
       select 'old-' || n, '1', 'agent-' || n % 10, 'queued', 1, 'dead pid', '{}', 'bench', 'bench' from generate_series(1, $1::int) n`,
    [CLAIMS],
  );
  // Autovacuum would have done this long ago if the tables had not just been filled.
  await admin.query('vacuum analyze');
}

/** The probes of all hosts but the worker's own: each reports that it has looked by itself, and those whose turn comes answer. */
async function startProbes(
  { temporal }: Servers,
  { cleanup }: BenchContext,
  pool: Queryable,
  { hosts, reaperName }: { hosts: number; reaperName: string },
): Promise<void> {
  const place = readPlace();
  const { bootId: boot, pidNamespace, machineId, isInitial } = place;
  const report = async () => {
    for (let n = 0; n < hosts; n += 1) {
      await reportHost(pool, {
        host: hostName(n),
        boot,
        pidNamespace,
        machineId,
        isInitial,
        uptimes: null,
        examined: { seen: RUNS / hosts, dead: 0, unknown: 0, byItself: true },
        failing: null,
      });
    }
  };
  await report();
  let reporting: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    reporting = reporting.then(report).catch(() => undefined);
  }, INTERVAL_S * 1000);
  cleanup.add(async () => {
    clearInterval(timer);
    await reporting;
  });

  // Each of the workers says what it does not do.
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const connection = await NativeConnection.connect({ address: temporal.address });
  cleanup.add(() => connection.close());
  const names = new Names(reaperName);
  for (let n = 1; n < Math.min(hosts, ASKED); n += 1) {
    const activities = createProbeActivities({ pool, names, host: hostName(n), sharedPidNamespace: false });
    const worker = await Worker.create({
      connection,
      namespace: temporal.namespace,
      taskQueue: names.probeQueue(hostName(n)),
      activities,
      maxConcurrentActivityTaskPolls: 1,
    });
    const ended = worker.run();
    cleanup.add(async () => {
      worker.shutdown();
      await ended;
    });
  }
}

/** The least that any reaper has to do: one query of the same rows, and one look at each process. */
async function measureBare(admin: Queryable): Promise<{ sqlMs: number; probeMs: number }> {
  const began = performance.now();
  const { rows } = await admin.query<{ pid: number; processIdentity: string }>(
    `select job_id, run_key, pid, process_identity as "processIdentity" from reaper.running_job`,
  );
  const read = performance.now();
  const processes = new Map(rows.map((row) => [row.processIdentity, row]));
  const driver = await selectDriver().prepare([...processes.values()]);
  for (const { pid, processIdentity } of processes.values()) {
    const { state } = probeProcess({ pid, processIdentity }, { sharedPidNamespace: false, driver });
    if (state !== 'alive') throw new Error(`Expected pid ${pid} to be alive, got ${state}`);
  }
  return { sqlMs: read - began, probeMs: performance.now() - read };
}
