import type { Queryable } from '../database.js';

/** A running job whose row cannot be read as a whole. */
export interface UnreadableRun {
  jobId: string;
  /** The column, and Postgres' message. */
  why: string;
}

/** Rows that are named at once. The next check excludes these and finds more. */
const LIMIT = 10;
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
/** Makes Postgres compute every column of every row. */
const READ = `count(row(${COLUMNS.map((column) => `r.${column}`).join(', ')}))`;

/**
 * Finds the rows of the view that cannot be read, for example because a text that is no number is cast to one. Reads all rows at once,
 * and only if that fails searches for the row by bisection.
 *
 * @param except jobs that are already known
 * @throws if reading fails and no single row is to blame
 */
export async function findUnreadableRuns(
  client: Queryable,
  except: readonly string[] = [],
): Promise<UnreadableRun[]> {
  const found: UnreadableRun[] = [];
  for (;;) {
    const known = [...except, ...found.map(({ jobId }) => jobId)];
    const failure = await failureOf(client, `job_id is null or job_id <> all($1)`, known);
    if (failure === null || found.length === LIMIT) return found;
    const jobId = await findOne(client, known);
    if (jobId === null) {
      throw new Error(
        `Expected reaper.running_job to be readable, got "${failure.message}", and no single row is the cause`,
        { cause: failure },
      );
    }
    found.push({ jobId, why: await explain(client, jobId) });
  }
}

/** Which of these runs still cannot be read. */
export async function recheckUnreadable(
  client: Queryable,
  jobIds: readonly string[],
): Promise<UnreadableRun[]> {
  const still: UnreadableRun[] = [];
  for (const jobId of jobIds) {
    if ((await failureOf(client, 'job_id = any($1)', [jobId])) !== null) {
      still.push({ jobId, why: await explain(client, jobId) });
    }
  }
  return still;
}

/** Whether a query failed because of a row's content: SQLSTATE class 22, data exception. */
export function isDataException(error: unknown): boolean {
  return ((error as { code?: string }).code ?? '').startsWith('22');
}

/** The first job whose row alone fails, or null. */
async function findOne(client: Queryable, known: readonly string[]): Promise<string | null> {
  let suspects: string[];
  try {
    const { rows } = await client.query<{ jobId: string }>(
      `select distinct job_id as "jobId" from reaper.running_job where job_id <> all($1) order by 1`,
      [known],
    );
    suspects = rows.map((row) => row.jobId);
  } catch (error) {
    if (isDataException(error)) return null;
    throw error;
  }
  while (suspects.length > 1) {
    const half = suspects.slice(0, Math.ceil(suspects.length / 2));
    const isInHalf = (await failureOf(client, 'job_id = any($1)', half)) !== null;
    suspects = isInHalf ? half : suspects.slice(half.length);
  }
  const [jobId] = suspects;
  if (jobId === undefined || (await failureOf(client, 'job_id = any($1)', [jobId])) === null) return null;
  return jobId;
}

async function explain(client: Queryable, jobId: string): Promise<string> {
  for (const column of COLUMNS) {
    const failure = await failureOf(client, 'job_id = any($1)', [jobId], `count(r.${column})`);
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
