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
import { createEnvironment, startBenchServers, type BenchEnvironment } from './support/environment.js';
import { BENCH_QUEUES, type BenchQueue, type OwnRescue } from './support/queues.js';
import { median, quantile, rounded } from './support/statistics.js';
import { until } from './support/until.js';

const KILLS = Number(process.env['BENCH_KILLS'] ?? 20);
const OWN_KILLS = Number(process.env['BENCH_OWN_KILLS'] ?? Math.min(KILLS, 5));
/** Names of queues, separated by commas; empty for all. */
const ONLY = (process.env['BENCH_QUEUES'] ?? '').split(',').filter((name) => name !== '');
const INTERVAL_S = 1;
const BLOCKED_S = 15;
/** Some queues take long to notice a death by themselves. */
const OWN_LIMIT_MS = 180_000;

/** How soon a killed worker's job runs again on each queue that has an adapter, and what becomes of a healthy job that blocks its worker. */
export const adapters: Bench = {
  name: 'adapters',
  about: `Seconds from SIGKILL of a worker to the start of its job on another one (REAPER_INTERVAL_S=${INTERVAL_S}), and runs of a healthy job that blocks its worker for ${BLOCKED_S} s beside an idle one; the same by the queue's own rescue, without job-reaper (BENCH_KILLS and BENCH_OWN_KILLS set how many, BENCH_QUEUES which queues)`,
  async run(context) {
    const known = BENCH_QUEUES.map(({ name }) => name);
    const unknown = ONLY.filter((name) => !known.includes(name));
    if (unknown.length > 0)
      throw new Error(`Expected BENCH_QUEUES to be some of ${known.join(',')}, got ${unknown.join(',')}`);
    const servers = await startBenchServers(context);
    const rows: BenchResult['rows'] = [];
    const failures: string[] = [];
    for (const queue of BENCH_QUEUES) {
      if (ONLY.length > 0 && !ONLY.includes(queue.name)) continue;
      const missing = await queue.missing();
      if (missing !== null) {
        context.log(`adapters: ${queue.name} left out, there is no ${missing}`);
        continue;
      }
      context.log(`adapters: ${queue.name}`);
      const { times, starts, claims } = await measure(servers, context, queue);
      const { ownRescue } = queue;
      const own = typeof ownRescue === 'string' ? null : ownRescue;
      if (own !== null) context.log(`adapters: ${queue.name}, its own rescue`);
      const alone = own === null ? null : await measureOwn(servers, context, queue, own);
      rows.push({
        queue: queue.name,
        kills: times.length,
        median_s: rounded(median(times), 2),
        p95_s: rounded(quantile(times, 0.95), 2),
        worst_s: rounded(Math.max(...times), 2),
        starts_of_blocked: starts,
        claims_of_blocked: claims,
        own_default: queue.ownDefault,
        own_tightest: typeof ownRescue === 'string' ? `- (${ownRescue})` : ownRescue.setting,
        own_kills: alone?.times.length ?? '-',
        own_median_s: alone === null ? '-' : rounded(median(alone.times), 2),
        own_worst_s: alone === null ? '-' : rounded(Math.max(...alone.times), 2),
        own_starts_of_blocked: alone?.starts ?? '-',
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
  const { admin } = environment;
  const reaper = environment.startWorker({ REAPER_INTERVAL_S: String(INTERVAL_S) });
  await environment.sweeps(reaper);
  const { times, blocked } = await killAndBlock(environment, context, queue, KILLS);
  await reaper.stop();
  const { rows } = await admin.query<{ claims: number }>(
    'select count(*)::integer as claims from reaper.ledger where job_id = $1',
    [blocked.id],
  );
  return { times, starts: blocked.starts, claims: rows[0]?.claims ?? 0 };
}

/** The same without the reaper: its workers do not say who they are, and nothing of ours is in the database's way. */
async function measureOwn(
  servers: Servers,
  context: BenchContext,
  queue: BenchQueue,
  rescue: OwnRescue,
): Promise<{ times: number[]; starts: number }> {
  const environment = await createEnvironment(servers, context, async (adminUrl) => {
    await createTables(adminUrl, queue);
    await rescue.prepare?.(adminUrl);
  });
  const { times, blocked } = await killAndBlock(environment, context, queue, OWN_KILLS, rescue);
  return { times, starts: blocked.starts };
}

/** Kills workers at work, one after the other, and has the last one be blocked. */
async function killAndBlock(
  environment: BenchEnvironment,
  context: BenchContext,
  queue: BenchQueue,
  kills: number,
  rescue?: OwnRescue,
): Promise<{ times: number[]; blocked: { id: string; starts: number } }> {
  const { admin, adminUrl } = environment;
  const env = rescue === undefined ? {} : { ...rescue.env, WITHOUT_LINE: 'true' };
  const start = () => startQueueWorker(environment, context, queue, env);
  const atStart = rescue?.atStart === true;
  const times: number[] = [];
  let worker = await start();
  while (times.length < kills) {
    const id = await queue.addJob(adminUrl, admin, { hangs: true });
    await startsOf(admin, id, 1);
    const next = atStart ? null : await start();
    // At a random moment between two sweeps.
    await setTimeout(Math.random() * INTERVAL_S * 1000);
    const killedAt = await now(admin);
    await kill9(worker);
    worker = next ?? (await start());
    const [, again = NaN] = await startsOf(admin, id, 2, OWN_LIMIT_MS);
    // A queue that goes by age may have started it again while its worker lived.
    if (again > killedAt) times.push(again - killedAt);
  }
  const idle = atStart ? null : await start();
  const blocked = await block(admin, (args) => queue.addJob(adminUrl, admin, args));
  await kill9(worker);
  if (idle !== null) await kill9(idle);
  return { times, blocked };
}

async function install(adminUrl: string, queue: BenchQueue): Promise<void> {
  await createTables(adminUrl, queue);
  await migrate(adminUrl, queue.name);
  const admin = new pg.Client({ connectionString: adminUrl, application_name: 'job-reaper bench' });
  await admin.connect();
  try {
    await admin.query(`select reaper.set_mode('active', 'bench')`);
  } finally {
    await admin.end();
  }
}

/** The queue's tables, and the one in which its jobs note when they start and end. */
async function createTables(adminUrl: string, queue: BenchQueue): Promise<void> {
  const admin = new pg.Pool({ connectionString: adminUrl, max: 1 });
  try {
    await admin.query(
      `create table public.noted (id bigint generated always as identity, what text, job_id text, pid bigint,
         at timestamptz default clock_timestamp())`,
    );
    await queue.createTables(adminUrl, admin);
  } finally {
    await admin.end();
  }
}

/** Starts a worker of the queue, and waits until it is ready. */
async function startQueueWorker(
  { adminUrl }: BenchEnvironment,
  { cleanup }: BenchContext,
  queue: BenchQueue,
  more: Record<string, string>,
): Promise<ChildProcess> {
  const { command, env } = await queue.worker();
  const [program = '', ...words] = command;
  const child = spawn(program, words, {
    env: { ...process.env, DATABASE_URL: adminUrl, CONCURRENCY: '1', ...env, ...more },
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
  await once(child, 'exit');
}

/** Waits for so many starts of a job, and returns their times in Unix seconds by the database's clock. */
async function startsOf(admin: Database, id: string, count: number, limitMs?: number): Promise<number[]> {
  let starts: number[] = [];
  const areThere = async () => {
    starts = await noted(admin, 'start', id);
    return starts.length >= count;
  };
  await until(`start ${count} of job ${id}`, areThere, limitMs);
  return starts;
}

/** In Unix seconds, by the database's clock. */
async function now(admin: Database): Promise<number> {
  const { rows } = await admin.query<{ now: number }>(
    'select extract(epoch from clock_timestamp())::double precision as now',
  );
  return rows[0]?.now ?? NaN;
}

async function noted(admin: Database, what: string, id: string): Promise<number[]> {
  const { rows } = await admin.query<{ at: number }>(
    `select extract(epoch from at)::double precision as at from public.noted where what = $1 and job_id = $2 order by id`,
    [what, id],
  );
  return rows.map(({ at }) => at);
}

/** Has a healthy job block its worker, and counts how often it was started by the time it ends. */
async function block(
  admin: Database,
  addJob: (args: object) => Promise<string>,
): Promise<{ id: string; starts: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-blocked-'));
  try {
    const blocksUntil = join(folder, 'file');
    const id = await addJob({ blocksUntil });
    await startsOf(admin, id, 1);
    await setTimeout(BLOCKED_S * 1000);
    await writeFile(blocksUntil, '');
    let starts = NaN;
    // Of each of its runs: they wait for the same file.
    await until('the end of the blocked job', async () => {
      starts = (await noted(admin, 'start', id)).length;
      return (await noted(admin, 'end', id)).length >= starts;
    });
    return { id, starts };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
