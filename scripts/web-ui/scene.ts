import type { Database } from '../../src/db/database.js';
import { startAgent, type Agent } from '../../bench/support/agents.js';
import { startWorker } from '../../bench/support/worker.js';
import type { Cleanup } from '../../bench/support/cleanup.js';
import { createLogins } from '../../demo/world/logins.js';
import { migrate } from '../../src/db/migrate.js';
import { createPool } from '../../src/db/pool.js';
import { createDatabase, startServers } from '../../servers/index.js';

const HOST = 'builder-1';
/** Seconds between sweeps: short, so that nobody has to wait. */
const INTERVAL_S = 2;

/** A fleet to show: real servers, a real worker, jobs in every state. */
export interface Scene {
  /** The URL of the Web UI. */
  uiUrl: string;
  /** Connected as the owner of the queue. */
  admin: Database;
  /** Starts an agent and inserts its running job. */
  startJob: (id: string, agent: string, columns?: Record<string, unknown>) => Promise<Agent>;
  /** The id of the watch that looked after a job's run. */
  watchOf: (job: string) => Promise<string>;
  /** Waits for `count` more sweeps. */
  sweeps: (count: number) => Promise<void>;
  /** Waits until a query returns a row. */
  until: (what: string, sql: string) => Promise<void>;
}

const LIMIT_MS = 60_000;

/** Sets the scene: live jobs, one that is being finalized, one on a host without a probe, and two that died. */
export async function setScene(cleanup: Cleanup): Promise<Scene> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(TEMPORAL_ADDRESS|REAPER_)/.test(name)),
  );
  const servers = await startServers({ log: (line) => console.log(line), temporal: { env } });
  cleanup.add(() => servers.stop());
  const { uiUrl, address } = servers.temporal;
  if (uiUrl === undefined) throw new Error('Expected a dev server with its Web UI, got none');
  const databaseUrl = await createDatabase(servers.postgres.adminUrl, 'web_ui');
  await migrate(databaseUrl, 'reference');
  const { reaperUrl } = await createLogins(databaseUrl, 'web_ui');
  const admin = createPool(databaseUrl, { applicationName: 'job-reaper web-ui', max: 2 });
  cleanup.add(() => admin.end());

  const until = async (what: string, sql: string) => {
    const deadline = Date.now() + LIMIT_MS;
    while (Date.now() < deadline) {
      const { rowCount } = await admin.query(sql);
      if (rowCount !== 0) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error(`Expected within ${LIMIT_MS / 1000} s: ${what}`);
  };
  const startJob = async (id: string, agent: string, columns: Record<string, unknown> = {}) => {
    const { exitCode = null, ...rest } = columns;
    const process = startAgent(cleanup);
    if (exitCode !== null) {
      await admin.query('insert into public.agent_runs (id, exit_code, finished_at) values ($1, $2, now())', [
        id,
        exitCode,
      ]);
    }
    const row = {
      id,
      agent,
      repo: 'web',
      status: 'running',
      attempts: 1,
      host: HOST,
      pid: process.pid,
      process_identity: process.processIdentity,
      run_id: exitCode === null ? null : id,
      ...rest,
    };
    const names = Object.keys(row);
    await admin.query(
      `insert into public.jobs (${names.join(', ')}, started_at)
       values (${names.map((_, i) => `$${i + 1}`).join(', ')}, now() - interval '40 s')`,
      Object.values(row),
    );
    return process;
  };

  await startJob('4711', 'developer');
  await startJob('4712', 'reviewer');
  await startJob('4713', 'developer', { exitCode: 0 });
  await startJob('4714', 'tester', { host: 'builder-9' });
  startWorker(
    {
      PATH: process.env['PATH'],
      DATABASE_URL: reaperUrl,
      TEMPORAL_ADDRESS: address,
      REAPER_HOST: HOST,
      REAPER_INTERVAL_S: String(INTERVAL_S),
    },
    cleanup,
  );
  const dead = [await startJob('4705', 'tester', { attempts: 2 }), await startJob('4706', 'developer')];
  await until('the first sweep', 'select from reaper.last_sweep');
  for (const agent of dead) await agent.kill();
  await until('both claims', 'select from reaper.ledger having count(*) = 2');
  const watchOf = async (job: string) => {
    const { rows } = await admin.query<{ workflow_id: string }>(
      'select workflow_id from reaper.ledger where job_id = $1',
      [job],
    );
    return rows[0]?.workflow_id ?? '';
  };
  const sweeps = async (count: number) => {
    const { rows } = await admin.query<{ n: number }>(
      `select (summary ->> 'number')::integer + $1 as n from reaper.last_sweep`,
      [count],
    );
    const wanted = rows[0]?.n ?? 0;
    await until(
      `sweep no. ${wanted}`,
      `select from reaper.last_sweep where (summary ->> 'number')::integer >= ${wanted}`,
    );
  };
  return { uiUrl, admin, startJob, watchOf, sweeps, until };
}
