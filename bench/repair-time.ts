import { setTimeout } from 'node:timers/promises';
import type { Servers } from '../servers/index.js';
import { startAgent } from './support/agents.js';
import type { Bench, BenchContext, BenchResult } from './support/bench.js';
import { claimedAt, readClock } from './support/claimed-at.js';
import { BENCH_HOST, createEnvironment, startBenchServers } from './support/environment.js';
import { insertRunningJobs } from './support/running-jobs.js';
import { median, rounded } from './support/statistics.js';

const INTERVAL_S = 1;
const DEAD_TICKS = 2;
const KILLS = 20;

const FAN_OUT = [
  { fan_out: 'every run has a watch', limit: '25' },
  { fan_out: 'only runs with a symptom', limit: '0' },
];

/** How long a job whose agent was killed stays running. */
export const repairTime: Bench = {
  name: 'repair-time',
  about: `Seconds from SIGKILL of an agent to the claim of its job, REAPER_INTERVAL_S=${INTERVAL_S}, REAPER_DEAD_TICKS=${DEAD_TICKS}`,
  async run(context) {
    const servers = await startBenchServers(context);
    const rows: BenchResult['rows'] = [];
    for (const { fan_out, limit } of FAN_OUT) {
      context.log(`repair-time: REAPER_WATCH_ALL_LIMIT=${limit}`);
      const times = await measure(servers, context, limit);
      rows.push({
        fan_out,
        watch_all_limit: Number(limit),
        kills: times.length,
        median_s: rounded(median(times), 2),
        worst_s: rounded(Math.max(...times), 2),
        best_s: rounded(Math.min(...times), 2),
      });
    }
    return { rows, failures: [] };
  },
};

async function measure(servers: Servers, context: BenchContext, limit: string): Promise<number[]> {
  const environment = await createEnvironment(servers, context);
  const { admin } = environment;
  const worker = environment.startWorker({
    REAPER_INTERVAL_S: String(INTERVAL_S),
    REAPER_DEAD_TICKS: String(DEAD_TICKS),
    REAPER_WATCH_ALL_LIMIT: limit,
  });
  const times: number[] = [];
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const agent = startAgent(context.cleanup);
    const prefix = `kill-${kill}`;
    await insertRunningJobs(admin, { prefix, count: 1, host: BENCH_HOST, agents: [agent] });
    // The run has been seen alive, and the kill comes at a random moment between two sweeps.
    await environment.sweeps(worker);
    await setTimeout(Math.random() * INTERVAL_S * 1000);
    const killedAt = await readClock(admin);
    await agent.kill();
    times.push((await claimedAt(admin, `${prefix}-1`, () => worker.assertRunning())) - killedAt);
  }
  await worker.stop();
  return times;
}
