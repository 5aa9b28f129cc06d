import { setTimeout } from 'node:timers/promises';
import type { Servers } from '../servers/index.js';
import { sweepNowUpdate } from '../src/workflows/messages.js';
import { startAgent } from './support/agents.js';
import type { Bench, BenchContext, BenchResult } from './support/bench.js';
import { claimedAt, readClock } from './support/claimed-at.js';
import { BENCH_HOST, createEnvironment, startBenchServers } from './support/environment.js';
import { insertRunningJobs } from './support/running-jobs.js';
import { median, quantile, rounded } from './support/statistics.js';

const KILLS = 20;
/** Seconds for which the killed runs have been running: more than an interval, so that they need not wait for one. */
const RUNNING_S = 3_600;

interface Case {
  settings: string;
  intervalS: number;
  env: Record<string, string>;
}

const CASES: readonly Case[] = [
  { settings: 'defaults', intervalS: 15, env: {} },
  { settings: 'confirm 2', intervalS: 15, env: { REAPER_CONFIRM_S: '2' } },
  { settings: 'interval 1', intervalS: 1, env: { REAPER_INTERVAL_S: '1' } },
  {
    settings: 'interval 1, no sentinel',
    intervalS: 1,
    env: { REAPER_INTERVAL_S: '1', REAPER_SENTINEL: 'false' },
  },
  {
    settings: 'interval 1, no sentinel, only runs with a symptom have a watch',
    intervalS: 1,
    env: { REAPER_INTERVAL_S: '1', REAPER_SENTINEL: 'false', REAPER_WATCH_ALL_LIMIT: '0' },
  },
];

/** How long a job whose agent was killed stays running. */
export const repairTime: Bench = {
  name: 'repair-time',
  about: `Seconds from SIGKILL of an agent to the claim of its job, which had run for ${RUNNING_S} s (REAPER_DEAD_TICKS=2)`,
  async run(context) {
    const servers = await startBenchServers(context);
    const rows: BenchResult['rows'] = [];
    for (const each of CASES) {
      context.log(`repair-time: ${each.settings}`);
      const times = await measure(servers, context, each);
      rows.push({
        settings: each.settings,
        kills: times.length,
        median_s: rounded(median(times), 2),
        p95_s: rounded(quantile(times, 0.95), 2),
        worst_s: rounded(Math.max(...times), 2),
        best_s: rounded(Math.min(...times), 2),
      });
    }
    return { rows, failures: [] };
  },
};

async function measure(servers: Servers, context: BenchContext, { intervalS, env }: Case): Promise<number[]> {
  const environment = await createEnvironment(servers, context);
  const { admin, client, reaperName } = environment;
  const worker = environment.startWorker(env);
  await environment.sweeps(worker);
  const times: number[] = [];
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const agent = startAgent(context.cleanup);
    const prefix = `kill-${kill}`;
    await insertRunningJobs(admin, {
      prefix,
      count: 1,
      host: BENCH_HOST,
      agents: [agent],
      startedS: RUNNING_S,
    });
    // The run has been seen alive, and the kill comes at a random moment between two sweeps.
    await client.workflow.getHandle(reaperName).executeUpdate(sweepNowUpdate);
    await setTimeout(Math.random() * intervalS * 1000);
    const killedAt = await readClock(admin);
    await agent.kill();
    times.push((await claimedAt(admin, `${prefix}-1`, () => worker.assertRunning())) - killedAt);
  }
  await worker.stop();
  return times;
}
