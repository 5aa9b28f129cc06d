import type { Database } from '../src/db/database.js';
import type { Servers } from '../servers/index.js';
import { startAgent } from './support/agents.js';
import type { Bench, BenchContext, BenchResult } from './support/bench.js';
import { claimedAt, readClock } from './support/claimed-at.js';
import { BENCH_HOST, createEnvironment, startBenchServers } from './support/environment.js';
import { insertRunningJobs } from './support/running-jobs.js';
import { median, rounded } from './support/statistics.js';
import { until } from './support/until.js';

const INTERVAL_S = 1;
const KILLS = 8;
const CASES = [0, 500];
/** Milliseconds until all of them have failed once, even on a slow machine. */
const LIMIT_MS = 900_000;

/** How long a repairable job waits beside jobs whose claims fail. */
export const failingClaims: Bench = {
  name: 'failing-claims',
  about: `Seconds from SIGKILL of an agent to the claim of its job, beside dead jobs whose claims a trigger rejects, REAPER_INTERVAL_S=${INTERVAL_S}`,
  async run(context) {
    const servers = await startBenchServers(context);
    const rows: BenchResult['rows'] = [];
    for (const failing of CASES) {
      context.log(`failing-claims: beside ${failing}`);
      rows.push({ failing, ...(await measure(servers, context, failing)) });
    }
    return { rows, failures: [] };
  },
};

async function measure(servers: Servers, context: BenchContext, failing: number) {
  const environment = await createEnvironment(servers, context);
  const { admin } = environment;
  await refuse(admin, 'poison-%');
  const worker = environment.startWorker({
    REAPER_INTERVAL_S: String(INTERVAL_S),
    REAPER_WATCH_ALL_LIMIT: '0',
  });
  await environment.sweeps(worker);
  const dead = startAgent(context.cleanup);
  await insertRunningJobs(admin, { prefix: 'poison', count: failing, host: BENCH_HOST, agents: [dead] });
  await dead.kill();

  // The first one dies together with all the others, before any of their claims has failed.
  const first = await repair('first');
  await until(
    'a failed claim of each',
    async () => {
      worker.assertRunning();
      const { rows } = await admin.query<{ n: number }>('select count(*) as n from reaper.claim_trouble');
      return Number(rows[0]?.n) >= failing;
    },
    LIMIT_MS,
  );
  const times: number[] = [];
  for (let kill = 1; kill <= KILLS; kill += 1) times.push(await repair(`kill-${kill}`));
  await worker.stop();
  return {
    kills: KILLS,
    died_with_them_s: rounded(first, 2),
    median_s: rounded(median(times), 2),
    worst_s: rounded(Math.max(...times), 2),
  };

  async function repair(prefix: string): Promise<number> {
    const agent = startAgent(context.cleanup);
    await insertRunningJobs(admin, { prefix, count: 1, host: BENCH_HOST, agents: [agent] });
    const killedAt = await readClock(admin);
    await agent.kill();
    return (await claimedAt(admin, `${prefix}-1`, () => worker.assertRunning(), LIMIT_MS)) - killedAt;
  }
}

/** Makes every write to the status of some jobs fail. */
async function refuse(admin: Database, pattern: string): Promise<void> {
  await admin.query(`
    create function public.refuse() returns trigger language plpgsql as $$
    begin raise exception 'no end for %', new.id; end $$;
    create trigger refuse before update of status on public.jobs
      for each row when (new.id like '${pattern}') execute function public.refuse();`);
}
