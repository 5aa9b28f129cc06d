import type { Queryable } from './database.js';
import type { CrashFacts } from '../domain/crash-budget.js';
import type { JobRun, Policy, PublishedPolicy, RunRef } from '../domain/types.js';
import { runName } from '../domain/run-name.js';
import { JOB_RUN_COLUMNS, toJobRun } from './job-run.js';
import { toPolicy } from './policy.js';

/** One run as Postgres shows it now, with every fact that decides except its process. */
export interface RunFacts {
  /** Null if the run is over. */
  run: JobRun | null;
  policy: Policy;
  hasStages: boolean;
  /** Why nothing may be claimed for the run now, in words, or null. */
  block: string | null;
  /** Who declared the run's host gone after the run started, or null if no declaration is in force: one answer ends it. */
  hostGoneBy: string | null;
  /** What was declared about the boot or pid namespace in the run's stamp, as evidence of its death; or null. */
  placeGone: string | null;
  /** The alert that the run is over its ceiling and proven alive is owed or was sent. */
  alerted: boolean;
  /** The alert that it is over its ceiling and unknown is owed or was sent. */
  alertedUnknown: boolean;
  /** The deaths of its job by its own process; null without a crash budget. */
  crashes: CrashFacts | null;
  /** When this was read: milliseconds by the database's clock. */
  readMs: number;
}

/** For the control row `ctl`, the database's clock `c.now`, and a run `r` or none. */
const COLUMNS = `
         ${JOB_RUN_COLUMNS},
         1000 * extract(epoch from c.now)::double precision as "readMs",
         ctl.policy, (select reaper.has_stages()) as "hasStages", r.job_id is not null as found,
         reaper.block_on(r.job_id, r.agent, r.repo, r.host) as block,
         reaper.host_is_gone(r.host, r.started_at) as "hostGoneBy",
         reaper.place_is_gone(r.host, r.started_at, r.process_identity) as "placeGone",
         exists (select from reaper.notification n
                  where n.kind = 'backstop alive' and n.job_id = r.job_id and n.run_key = r.run_key) as alerted,
         exists (select from reaper.notification n
                  where n.kind = 'backstop unknown' and n.job_id = r.job_id and n.run_key = r.run_key) as "alertedUnknown",
         (select reaper.records_exit_codes()) as "recordsExitCodes"`;

/** For the row `f` of `reaper.crash_facts`, or none. */
const CRASHES = `case when f.job_id is not null then jsonb_build_object('earlier', f.earlier, 'alone', f.alone) end as crashes`;

const SQL = `
  select ${COLUMNS}, ${CRASHES}
    from reaper.control ctl
    cross join (select reaper.now() as now) c
    left join reaper.running_job r on r.job_id = $1 and r.run_key = $2
    left join reaper.crash_facts(array[$1::text], array[$2::text]) f on true`;

type Row = JobRun &
  Omit<RunFacts, 'run' | 'policy'> & {
    found: boolean;
    recordsExitCodes: boolean;
    policy: Partial<PublishedPolicy> | null;
  };

/** Reads one run. */
export async function observeRun(pool: Queryable, ref: RunRef): Promise<RunFacts> {
  const { rows } = await pool.query<Row>(SQL, [ref.jobId, ref.runKey]);
  const row = rows[0];
  if (row === undefined)
    throw new Error('Expected one row in reaper.control, got none: run job-reaper migrate');
  return toFacts(row);
}

/** Many runs, as far as they are running or were reaped. */
export interface ManyFacts {
  running: (RunFacts & { run: JobRun })[];
  reaped: (RunRef & { claimer: string })[];
}

/** Reads many runs in two queries, whose plans do not depend on how many rows Postgres expects. */
export async function observeRuns(pool: Queryable, refs: readonly RunRef[]): Promise<ManyFacts> {
  const wanted = new Set(refs.map(runName));
  const isWanted = (ref: RunRef) => wanted.has(runName(ref));
  const jobIds = refs.map(({ jobId }) => jobId);
  // Rows first: a run that ends in between is found in the ledger.
  const { rows } = await pool.query<Row>(
    `select ${COLUMNS}, ${CRASHES}
       from reaper.readable_run r
       cross join reaper.control ctl
       cross join (select reaper.now() as now) c
       left join reaper.crash_facts($1::text[], $2::text[]) f on f.job_id = r.job_id and f.run_key = r.run_key
      where r.job_id = any ($1::text[])`,
    [jobIds, refs.map(({ runKey }) => runKey)],
  );
  const reaped = await pool.query<RunRef & { claimer: string }>(
    `select l.job_id as "jobId", l.run_key as "runKey", l.claimer from reaper.ledger l where l.job_id = any ($1::text[])`,
    [jobIds],
  );
  return {
    running: rows.filter(isWanted).map((row) => ({ ...toFacts(row), run: toJobRun(row) })),
    reaped: reaped.rows.filter(isWanted),
  };
}

function toFacts(row: Row): RunFacts {
  return {
    run: row.found ? toJobRun(row) : null,
    policy: toPolicy(row.policy, row.recordsExitCodes),
    hasStages: row.hasStages,
    block: row.found ? row.block : null,
    hostGoneBy: row.hostGoneBy,
    placeGone: row.placeGone,
    alerted: row.alerted,
    alertedUnknown: row.alertedUnknown,
    crashes: row.found ? row.crashes : null,
    readMs: row.readMs,
  };
}
