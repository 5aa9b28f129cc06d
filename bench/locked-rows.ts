import pg from 'pg';
import { startAgent } from './support/agents.js';
import type { Bench } from './support/bench.js';
import { BENCH_HOST, createEnvironment, startBenchServers } from './support/environment.js';
import { insertRunningJobs } from './support/running-jobs.js';
import { rounded } from './support/statistics.js';
import { until } from './support/until.js';

const LOCKED = 90;
const INTERVAL_S = 1;
/** Milliseconds until the bench gives up. */
const LIMIT_MS = 180_000;

/** How long a dead job with a free row waits for its repair beside others whose rows are locked by a forgotten transaction. */
export const lockedRows: Bench = {
  name: 'locked-rows',
  about: `Seconds until a dead job with a free row is repaired, beside ${LOCKED} dead ones with locked rows, REAPER_INTERVAL_S=${INTERVAL_S}`,
  async run(context) {
    const { cleanup } = context;
    const servers = await startBenchServers(context);
    const rows = [];
    for (const locked of [0, LOCKED]) {
      context.log(`locked-rows: ${locked} locked`);
      const environment = await createEnvironment(servers, context);
      const { admin, adminUrl } = environment;
      const agent = startAgent(cleanup);
      await agent.kill();
      const dead = { host: BENCH_HOST, agents: [agent] };
      if (locked > 0) await insertRunningJobs(admin, { prefix: 'locked', count: locked, ...dead });
      const forgotten = new pg.Client({ connectionString: adminUrl, application_name: 'forgotten' });
      forgotten.on('error', () => undefined);
      await forgotten.connect();
      await forgotten.query('begin');
      await forgotten.query('select from jobs for update');
      const worker = environment.startWorker({ REAPER_INTERVAL_S: String(INTERVAL_S) });
      await until(
        'claims that run into the locks',
        async () => {
          const { rows: seen } = await admin.query(
            `select from reaper.last_sweep where (summary ->> 'number')::int > 2`,
          );
          return seen.length > 0;
        },
        LIMIT_MS,
      );
      await insertRunningJobs(admin, { prefix: 'free', count: 1, ...dead });
      const startMs = performance.now();
      await until(
        'the free one repaired',
        async () => {
          worker.assertRunning();
          const { rows: done } = await admin.query(`select from reaper.ledger where job_id = 'free-1'`);
          return done.length > 0;
        },
        LIMIT_MS,
      );
      rows.push({ locked_rows: locked, repaired_after_s: rounded((performance.now() - startMs) / 1000, 1) });
      await worker.stop();
      await forgotten.query('rollback');
      await forgotten.end();
    }
    return { rows, failures: [] };
  },
};
