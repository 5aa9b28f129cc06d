import { PgBoss } from 'pg-boss';
import pg from 'pg';
import { migrate } from '../src/db/migrate.js';
import { sessionName } from '../src/stamp.js';
import { createDatabase, dropDatabase, startPostgres } from '../servers/index.js';
import type { Bench, BenchContext, BenchResult } from './support/bench.js';
import { median, quantile, rounded } from './support/statistics.js';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 12);
const JOBS = 200;
const LOOPS = [1, 4];
const MAX_ADDED_MS = 0.2;
const MAX_ADDED_SHARE = 0.05;
const DATABASE = `bench_takes_${process.pid}`;

/** Without the trigger, with it, and with it while its table is locked. */
const CASES = ['none', 'trigger', 'locked'] as const;
type Case = (typeof CASES)[number];

/** What the trigger that notes who takes a job costs pg-boss. */
export const takes: Bench = {
  name: 'takes',
  about: `Jobs of pg-boss taken and ended a second, ${JOBS} a round, without our trigger, with it, and with it while reaper.run_process is locked (medians of ${ROUNDS} alternating rounds; BENCH_ROUNDS sets how many)`,
  async run(context) {
    const { url, admin } = await install(context);
    const results: BenchResult = { rows: [], failures: [] };
    for (const loops of LOOPS) {
      const boss = new PgBoss({
        connectionString: url,
        application_name: sessionName('pgboss'),
        max: loops,
        supervise: false,
        schedule: false,
      });
      boss.on('error', (error) => context.log(`takes: ${error.message}`));
      await boss.start();
      try {
        await measureRounds(context, admin, url, boss, loops, results);
      } finally {
        await boss.stop({ graceful: false });
      }
    }
    return results;
  },
};

async function install({ cleanup, log }: BenchContext): Promise<{ url: string; admin: pg.Pool }> {
  // As pg-boss' users have it: what the trigger costs is judged by what a job costs.
  const server = await startPostgres({ log, durable: true });
  cleanup.add(() => server.stop());
  const url = await createDatabase(server.adminUrl, DATABASE);
  cleanup.add(() => dropDatabase(server.adminUrl, DATABASE));
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
  await boss.start();
  await boss.createQueue('work');
  await boss.stop({ graceful: false });
  await migrate(url, 'pg-boss');
  const admin = new pg.Pool({ connectionString: url, application_name: 'job-reaper bench', max: 2 });
  cleanup.add(() => admin.end());
  return { url, admin };
}

async function measureRounds(
  { log }: BenchContext,
  admin: pg.Pool,
  url: string,
  boss: PgBoss,
  loops: number,
  { rows, failures }: BenchResult,
): Promise<void> {
  const ms: Record<Case, number[]> = { none: [], trigger: [], locked: [] };
  const fetches: Record<Case, number[]> = { none: [], trigger: [], locked: [] };
  // The first round has cold caches.
  for (let round = 0; round <= ROUNDS; round += 1) {
    log(`takes: ${loops} loops, round ${round} of ${ROUNDS}`);
    // Each case comes first, in the middle and last equally often.
    const order = CASES.map((_, place) => CASES[(place + round) % CASES.length] ?? 'none');
    for (const name of order) {
      const { msPerJob, fetchMs } = await measure(admin, url, boss, loops, name);
      if (round === 0) continue;
      ms[name].push(msPerJob);
      fetches[name].push(...fetchMs);
    }
  }
  for (const name of CASES) {
    // Of one round, because the machine's load changes between rounds.
    const added = median(ms[name].map((value, round) => value - (ms.none[round] ?? NaN)));
    const share = median(ms[name].map((value, round) => 1 - (ms.none[round] ?? NaN) / value));
    rows.push({
      loops,
      case: name,
      takes_per_s: rounded((1_000 * loops) / median(ms[name]), 0),
      ms_per_job: rounded(median(ms[name]), 3),
      added_ms: rounded(added, 3),
      slower_percent: rounded(100 * share, 1),
      // Those that the machine's other load did not interrupt.
      fast_fetch_ms: rounded(quantile(fetches[name], 0.1), 3),
      median_fetch_ms: rounded(median(fetches[name]), 3),
    });
    if (added > MAX_ADDED_MS)
      failures.push(
        `${loops} loops, ${name}: expected at most ${MAX_ADDED_MS} ms more per job, got ${rounded(added, 3)} ms`,
      );
    if (share > MAX_ADDED_SHARE)
      failures.push(
        `${loops} loops, ${name}: expected at most ${100 * MAX_ADDED_SHARE} % fewer jobs, got ${rounded(100 * share, 1)} %`,
      );
  }
}

/** Takes and ends all jobs of a new table in loops of its own, and returns how many milliseconds each job took in its loop, and each fetch. */
async function measure(
  admin: pg.Pool,
  url: string,
  boss: PgBoss,
  loops: number,
  name: Case,
): Promise<{ msPerJob: number; fetchMs: number[] }> {
  await admin.query('truncate pgboss.job; truncate reaper.run_process');
  await admin.query(`insert into pgboss.job (name) select 'work' from generate_series(1, ${JOBS})`);
  await admin.query(`alter table pgboss.job ${name === 'none' ? 'disable' : 'enable'} trigger reaper_note`);
  await admin.query('vacuum analyze pgboss.job');
  await admin.query('checkpoint');
  const other = new pg.Client({ connectionString: url, application_name: 'job-reaper bench' });
  await other.connect();
  try {
    if (name === 'locked') await other.query('begin; lock table reaper.run_process in access exclusive mode');
    const startMs = performance.now();
    const fetchMs = (await Promise.all(Array.from({ length: loops }, () => takeAll(boss)))).flat();
    const ms = performance.now() - startMs;
    if (name === 'locked') await other.query('rollback');
    const { rows } = await other.query<{ notes: number }>(
      'select count(*)::integer as notes from reaper.run_process',
    );
    const expected = name === 'trigger' ? JOBS : 0;
    if (fetchMs.length !== JOBS || rows[0]?.notes !== expected)
      throw new Error(
        `Expected ${JOBS} jobs and ${expected} notes (${name}), got ${fetchMs.length} and ${rows[0]?.notes ?? NaN}`,
      );
    return { msPerJob: (ms * loops) / JOBS, fetchMs };
  } finally {
    await other.end();
  }
}

/** Takes and ends jobs until there is none. Returns the milliseconds that each fetch took. */
async function takeAll(boss: PgBoss): Promise<number[]> {
  const fetchMs: number[] = [];
  for (;;) {
    const startMs = performance.now();
    const [job] = await boss.fetch('work');
    if (job === undefined) return fetchMs;
    fetchMs.push(performance.now() - startMs);
    await boss.complete('work', job.id);
  }
}
