import type { Queryable } from '../database.js';

/** A running job whose row cannot be read as a whole. */
export interface UnreadableRun {
  jobId: string;
  /** The column, and Postgres' message. */
  why: string;
}

/** Rows that are named at once. The next check excludes these and finds more. */
const LIMIT = 10;
/** Other rows that are read before all are said to fail together. */
const WITNESSES = 10;
const COLUMNS = [
  'run_key',
  'run_id',
  'task_id',
  'agent',
  'repo',
  'host',
  'pid',
  'process_identity',
  'attempts',
  'max_attempts',
  'max_running_s',
  'started_at',
  'exit_code',
  'finished_at',
  'branch',
  'stage',
  'job_stage',
  'work_item',
];
/** Conditions on the jobs in `$1`. */
const ONLY = 'job_id = any($1)';
const NOT_KNOWN = 'job_id is null or job_id <> all($1)';
/** Makes Postgres compute every column of every row. */
const READ = `count(row(${COLUMNS.map((column) => `r.${column}`).join(', ')}))`;
/** The same query, but it needs the columns of no row. It fails only if Postgres computes one earlier, for rows that a join reads. */
const READ_NONE = `count(row(${COLUMNS.map((column) => `case when r.job_id <> all($1) then r.${column} end`).join(', ')}))`;

/**
 * Finds the rows of the view that cannot be read, for example because a text that is no number is cast to one. Reads all rows at once,
 * and only if that fails searches for the row by bisection.
 *
 * @param except jobs that are already known
 * @throws if reading fails and excluding single rows would not help, with the columns and what to do
 */
export async function findUnreadableRuns(
  client: Queryable,
  except: readonly string[] = [],
): Promise<UnreadableRun[]> {
  const found: UnreadableRun[] = [];
  for (;;) {
    const known = [...except, ...found.map(({ jobId }) => jobId)];
    const failure = await failureOf(client, NOT_KNOWN, known);
    if (failure === null || found.length === LIMIT) return found;
    const jobId = await findOne(client, known);
    if (jobId === null) throw await viewUnreadable(client, known, failure);
    found.push({ jobId, why: await explain(client, jobId) });
  }
}

async function viewUnreadable(client: Queryable, known: readonly string[], failure: Error): Promise<Error> {
  const columns: string[] = [];
  for (const column of COLUMNS) {
    if ((await failureOf(client, NOT_KNOWN, known, `count(r.${column})`)) !== null) columns.push(column);
  }
  const where = columns.length > 0 && columns.length < COLUMNS.length ? ` (in ${columns.join(', ')})` : '';
  return new Error(
    `Expected reaper.running_job to be readable, got "${failure.message}"${where}, and no single row is the cause: correct the value ` +
      'in the tables that the view reads, and make the adapter cast such values to null (docs/sql-contract.md)',
    { cause: failure },
  );
}

/** Which of these runs still cannot be read. */
export async function recheckUnreadable(
  client: Queryable,
  jobIds: readonly string[],
): Promise<UnreadableRun[]> {
  const still: UnreadableRun[] = [];
  for (const jobId of jobIds) {
    if ((await failureOf(client, ONLY, [jobId])) !== null) {
      still.push({ jobId, why: await explain(client, jobId) });
    }
  }
  return still;
}

/** Whether a query failed because of a row's content: SQLSTATE class 22, data exception. */
export function isDataException(error: unknown): boolean {
  return ((error as { code?: string }).code ?? '').startsWith('22');
}

/** The first job whose row alone is the cause, or null. */
async function findOne(client: Queryable, known: readonly string[]): Promise<string | null> {
  let all: string[];
  try {
    const { rows } = await client.query<{ jobId: string }>(
      `select distinct job_id as "jobId" from reaper.running_job where job_id <> all($1) order by 1`,
      [known],
    );
    all = rows.map((row) => row.jobId);
  } catch (error) {
    if (isDataException(error)) return null;
    throw error;
  }
  let suspects = all;
  while (suspects.length > 1) {
    const half = suspects.slice(0, Math.ceil(suspects.length / 2));
    const isInHalf = (await failureOf(client, ONLY, half)) !== null;
    suspects = isInHalf ? half : suspects.slice(half.length);
  }
  const [jobId] = suspects;
  if (jobId === undefined || (await failureOf(client, ONLY, [jobId])) === null) return null;
  const others = all.filter((other) => other !== jobId);
  return (await isTheCause(client, jobId, others)) ? jobId : null;
}

/**
 * Whether a row that cannot be read alone is itself the cause. An expression below an outer join may be computed for every row of a table
 * as soon as any row of the view is read, so that all of them fail because of a row that need not even be one of theirs.
 */
async function isTheCause(client: Queryable, jobId: string, others: readonly string[]): Promise<boolean> {
  if ((await failureOf(client, ONLY, [jobId], READ_NONE)) === null) return true;
  // The value is computed early, as in a lateral join. If it is this row's own value, other rows can be read.
  const step = Math.max(1, Math.floor(others.length / WITNESSES));
  const witnesses = others.filter((_, n) => n % step === 0).slice(0, WITNESSES);
  for (const witness of witnesses) {
    if ((await failureOf(client, ONLY, [witness])) === null) return true;
  }
  return witnesses.length === 0;
}

async function explain(client: Queryable, jobId: string): Promise<string> {
  for (const column of COLUMNS) {
    const failure = await failureOf(client, ONLY, [jobId], `count(r.${column})`);
    if (failure !== null) return `its ${column} cannot be read: ${failure.message}`;
  }
  return 'its row cannot be read';
}

/**
 * The error with which reading some rows fails because of a row's content; null if it succeeds.
 *
 * @throws any other error
 */
async function failureOf(
  client: Queryable,
  which: string,
  jobIds: readonly string[],
  what = READ,
): Promise<Error | null> {
  try {
    await client.query(`select ${what} from reaper.running_job r where ${which}`, [jobIds]);
    return null;
  } catch (error) {
    if (isDataException(error)) return error as Error;
    throw error;
  }
}
