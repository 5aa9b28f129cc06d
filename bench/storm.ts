import type { Client } from '@temporalio/client';
import type { Servers } from '../servers/index.js';
import type { Database } from '../src/db/database.js';
import { startAgent } from './support/agents.js';
import { bareRepair } from './support/bare-repair.js';
import type { Bench, BenchContext, BenchResult } from './support/bench.js';
import { claimedAt, readClock } from './support/claimed-at.js';
import { BENCH_HOST, createEnvironment, startBenchServers } from './support/environment.js';
import { measureLockWaits } from './support/lock-waits.js';
import { insertRunningJobs } from './support/running-jobs.js';
import { pauseSignal } from '../src/workflows/messages.js';
import { quantile, rounded } from './support/statistics.js';
import { isAction } from './support/sweep-costs.js';
import { until } from './support/until.js';

const INTERVAL_S = 1;
const CASES = [
  { rows: 1_000, processes: 100 },
  { rows: 10_000, processes: 1_000 },
];
/** Seconds for which the runs have been running: more than an interval, so that they need not wait for one. */
const RUNNING_S = 3_600;
const OTHER_HOST = 'other-host';
/** Milliseconds until all of them are repaired, even on a slow machine. */
const LIMIT_MS = 600_000;

/** A machine dies with all its jobs. */
export const storm: Bench = {
  name: 'storm',
  about: `Seconds from SIGKILL of all agents of a host to the claims of their jobs, which had run for ${RUNNING_S} s, REAPER_INTERVAL_S=${INTERVAL_S}`,
  async run(context) {
    const servers = await startBenchServers(context);
    const rows: BenchResult['rows'] = [];
    for (const each of CASES) {
      context.log(`storm: ${each.rows} jobs of ${each.processes} processes`);
      rows.push({
        ...(await measure(servers, context, each)),
        signal_s: await measureSignal(servers, context, each),
      });
    }
    return { rows, failures: [] };
  },
};

type Case = (typeof CASES)[number];

/** All jobs of a host, and one of another, have been seen alive. */
async function prepare(servers: Servers, context: BenchContext, { rows, processes }: Case) {
  const environment = await createEnvironment(servers, context);
  const { admin } = environment;
  // A plan that was made for an empty ledger must not last.
  await admin.query('vacuum analyze');
  const settings = { REAPER_INTERVAL_S: String(INTERVAL_S) };
  const worker = environment.startWorker(settings);
  const other = environment.startWorker({ ...settings, REAPER_HOST: OTHER_HOST });
  const agents = Array.from({ length: processes }, () => startAgent(context.cleanup));
  const lonely = startAgent(context.cleanup);
  const startedS = RUNNING_S;
  await insertRunningJobs(admin, { prefix: 'job', count: rows, host: BENCH_HOST, agents, startedS });
  await insertRunningJobs(admin, {
    prefix: 'lonely',
    count: 1,
    host: OTHER_HOST,
    agents: [lonely],
    startedS,
  });
  await environment.sweeps(worker, 2);
  return {
    ...environment,
    agents,
    lonely,
    assertRunning: () => {
      worker.assertRunning();
      other.assertRunning();
    },
    stop: () => Promise.all([worker.stop(), other.stop()]),
  };
}

async function measure(servers: Servers, context: BenchContext, each: Case) {
  const { rows, processes } = each;
  const { admin, adminUrl, client, reaperName, agents, lonely, assertRunning, stop } = await prepare(
    servers,
    context,
    each,
  );
  const stopMeasuring = await measureLockWaits(adminUrl);
  const killedAt = await readClock(admin);
  await Promise.all([...agents, lonely].map((agent) => agent.kill()));
  const lonelyAt = await claimedAt(admin, 'lonely-1', assertRunning, LIMIT_MS);
  await until(
    'the claims of all of them',
    async () => {
      assertRunning();
      return (await countClaims(admin)) >= rows;
    },
    LIMIT_MS,
  );
  const waits = await stopMeasuring();
  const times = (await readClaims(admin)).map((at) => at - killedAt);
  const cost = await readCost(client, reaperName, killedAt);
  await stop();

  await insertRunningJobs(admin, { prefix: 'bare', count: rows, host: BENCH_HOST, agents });
  return {
    jobs: rows,
    processes,
    first_s: rounded(Math.min(...times), 2),
    half_s: rounded(quantile(times, 0.5), 2),
    most_s: rounded(quantile(times, 0.99), 2),
    all_s: rounded(Math.max(...times), 2),
    other_host_s: rounded(lonelyAt - killedAt, 2),
    pause_ms: rounded(Math.max(...waits), 0),
    actions_per_job: rounded(cost.actions / rows, 3),
    history_bytes_per_job: rounded(cost.bytes / rows, 0),
    biggest_payload_kb: rounded(cost.biggestPayload / 1024, 1),
    bare_sql_s: rounded(await bareRepair(adminUrl), 2),
  };
}

/** Seconds from the signal `pause`, sent once the first of them are claimed, until nothing more can be. */
async function measureSignal(servers: Servers, context: BenchContext, each: Case): Promise<number> {
  const { admin, client, reaperName, agents, assertRunning, stop } = await prepare(servers, context, each);
  await Promise.all(agents.map((agent) => agent.kill()));
  const reached = (what: string, isReached: () => Promise<boolean>) =>
    until(
      what,
      () => {
        assertRunning();
        return isReached();
      },
      LIMIT_MS,
    );
  await reached('the first claims', async () => (await countClaims(admin)) > 0);
  const sentMs = performance.now();
  await client.workflow.getHandle(reaperName).signal(pauseSignal, { by: 'bench', reason: 'bench' });
  await reached('the pause', async () => {
    const { rows } = await admin.query<{ paused: boolean }>('select paused from reaper.control');
    return rows[0]?.paused === true;
  });
  const seconds = (performance.now() - sentMs) / 1000;
  if ((await countClaims(admin)) >= each.rows)
    throw new Error('Expected a storm, got all claims before the pause');
  await stop();
  return rounded(seconds, 2);
}

const OF_THE_STORM = `job_id like 'job-%'`;

async function countClaims(admin: Database): Promise<number> {
  const { rows } = await admin.query<{ n: number }>(
    `select count(*) as n from reaper.ledger where ${OF_THE_STORM}`,
  );
  return rows[0]?.n ?? 0;
}

async function readClaims(admin: Database): Promise<number[]> {
  const { rows } = await admin.query<{ at: number }>(
    `select extract(epoch from claimed_at)::double precision as at from reaper.ledger where ${OF_THE_STORM}`,
  );
  return rows.map(({ at }) => at);
}

/** What Temporal did from the kill on: actions, bytes of the histories, and the biggest payload in them. */
async function readCost(client: Client, reaperName: string, killedAt: number) {
  const cost = { actions: 0, bytes: 0, biggestPayload: 0 };
  const query = `WorkflowId STARTS_WITH '${reaperName}'`;
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    for (const event of events ?? []) {
      if (Number(event.eventTime?.seconds ?? 0) < Math.floor(killedAt)) continue;
      if (isAction(event)) cost.actions += 1;
      const json = JSON.stringify(event);
      cost.bytes += json.length;
      for (const payload of payloadsOf(event))
        cost.biggestPayload = Math.max(cost.biggestPayload, payload.length);
    }
  }
  return cost;
}

/** The data of all payloads anywhere in an event. */
function payloadsOf(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(payloadsOf);
}
