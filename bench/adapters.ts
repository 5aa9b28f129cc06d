import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import type { Servers } from '../servers/index.js';
import { migrate } from '../src/db/migrate.js';
import type { Database } from '../src/db/database.js';
import type { Bench, BenchContext, BenchResult } from './support/bench.js';
import { readClock } from './support/claimed-at.js';
import { createEnvironment, startBenchServers, type BenchEnvironment } from './support/environment.js';
import { BENCH_QUEUES, type BenchQueue } from './support/queues.js';
import { median, quantile, rounded } from './support/statistics.js';
import { until } from './support/until.js';

const KILLS = Number(process.env['BENCH_KILLS'] ?? 20);
const INTERVAL_S = 1;
const BLOCKED_S = 15;

/** How soon a killed worker's job runs again on each queue that has an adapter, and what becomes of a healthy job that blocks its worker. */
export const adapters: Bench = {
  name: 'adapters',
  about: `Seconds from SIGKILL of a worker to the start of its job on another one (REAPER_INTERVAL_S=${INTERVAL_S}; BENCH_KILLS sets how many), and runs of a healthy job that blocks its worker for ${BLOCKED_S} s`,
  async run(context) {
    const servers = await startBenchServers(context);
    const rows: BenchResult['rows'] = [];
    const failures: string[] = [];
    for (const queue of BENCH_QUEUES) {
      const missing = await queue.missing();
      if (missing !== null) {
        context.log(`adapters: ${queue.name} left out, there is no ${missing}`);
        continue;
      }
      context.log(`adapters: ${queue.name}`);
      const { times, starts, claims } = await measure(servers, context, queue);
      rows.push({
        queue: queue.name,
        kills: times.length,
        median_s: rounded(median(times), 2),
        p95_s: rounded(quantile(times, 0.95), 2),
        worst_s: rounded(Math.max(...times), 2),
        own_default: queue.ownDefault,
        starts_of_blocked: starts,
        claims_of_blocked: claims,
      });
      if (starts !== 1 || claims !== 0)
        failures.push(`${queue.name}: a healthy job that blocked its worker started ${starts} times`);
    }
    return { rows, failures };
  },
};

async function measure(
  servers: Servers,
  context: BenchContext,
  queue: BenchQueue,
): Promise<{ times: number[]; starts: number; claims: number }> {
  const environment = await createEnvironment(servers, context, (adminUrl) => install(adminUrl, queue));
  const { admin, adminUrl } = environment;
  const reaper = environment.startWorker({ REAPER_INTERVAL_S: String(INTERVAL_S) });
  await environment.sweeps(reaper);
  const addJob = (args: object) => queue.addJob(adminUrl, admin, args);
  const times: number[] = [];
  let worker = await startQueueWorker(environment, context, queue);
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const id = await addJob({ hangs: true });
    await startsOf(admin, id, 1);
    const next = await startQueueWorker(environment, context, queue);
    // At a random moment between two sweeps.
    await setTimeout(Math.random() * INTERVAL_S * 1000);
    const killedAt = await readClock(admin);
    await kill9(worker);
    const [, again = NaN] = await startsOf(admin, id, 2);
    times.push(again - killedAt);
    worker = next;
  }
  const blocked = await block(admin, addJob);
  await kill9(worker);
  await reaper.stop();
  return { times, ...blocked };
}

async function install(adminUrl: string, queue: BenchQueue): Promise<void> {
  const admin = new pg.Pool({ connectionString: adminUrl, max: 1 });
  try {
    await admin.query(
      `create table public.noted (id bigint generated always as identity, what text, job_id text, pid bigint,
         at timestamptz default clock_timestamp())`,
    );
    await queue.createTables(adminUrl, admin);
    await migrate(adminUrl, queue.name);
    await admin.query(`select reaper.set_mode('active', 'bench')`);
  } finally {
    await admin.end();
  }
}

/** Starts a worker of the queue, and waits until it is ready. */
async function startQueueWorker(
  { adminUrl }: BenchEnvironment,
  { cleanup }: BenchContext,
  queue: BenchQueue,
): Promise<ChildProcess> {
  const { command, env } = await queue.worker();
  const [program = '', ...words] = command;
  const child = spawn(program, words, {
    env: { ...process.env, DATABASE_URL: adminUrl, CONCURRENCY: '1', ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  cleanup.add(() => kill9(child));
  let isReady = false;
  createInterface({ input: child.stdout }).on('line', (line) => {
    isReady ||= line === 'ready';
  });
  await until(`a worker of ${queue.name} that starts`, () => Promise.resolve(isReady));
  return child;
}

async function kill9(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'close');
}

/** Waits for so many starts of a job, and returns their times in Unix seconds by the database's clock. */
async function startsOf(admin: Database, id: string, count: number): Promise<number[]> {
  let starts: number[] = [];
  await until(`start ${count} of job ${id}`, async () => {
    starts = await noted(admin, 'start', id);
    return starts.length >= count;
  });
  return starts;
}

async function noted(admin: Database, what: string, id: string): Promise<number[]> {
  const { rows } = await admin.query<{ at: number }>(
    `select extract(epoch from at)::double precision as at from public.noted where what = $1 and job_id = $2 order by id`,
    [what, id],
  );
  return rows.map(({ at }) => at);
}

/** Has a healthy job block its worker, and counts how often it was started and claimed. */
async function block(
  admin: Database,
  addJob: (args: object) => Promise<string>,
): Promise<{ starts: number; claims: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-blocked-'));
  try {
    const blocksUntil = join(folder, 'file');
    const id = await addJob({ blocksUntil });
    await startsOf(admin, id, 1);
    await setTimeout(BLOCKED_S * 1000);
    await writeFile(blocksUntil, '');
    await until('the end of the blocked job', async () => (await noted(admin, 'end', id)).length > 0);
    const { rows } = await admin.query<{ claims: number }>(
      'select count(*)::integer as claims from reaper.ledger where job_id = $1',
      [id],
    );
    return { starts: (await noted(admin, 'start', id)).length, claims: rows[0]?.claims ?? 0 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
