import type { Database, Queryable } from '../database.js';
import { checkContract } from '../contract.js';

/** What trying the adapter on one running job came to. */
export interface AdapterTrial {
  /** The job it was tried on, or null when none runs. */
  jobId: string | null;
  /** What it does other than the contract says, one sentence each. */
  mistakes: string[];
}

/**
 * Tries the adapter's functions on the oldest running job, as the owner, in a transaction that is rolled back: nothing of
 * it stays. The job's row is locked for some milliseconds.
 *
 * @throws when the row is locked by somebody else for two seconds
 */
export async function tryAdapter(admin: Database): Promise<AdapterTrial> {
  const client = await admin.connect();
  try {
    await client.query('begin isolation level read committed');
    await client.query(`set local lock_timeout = '2s'`);
    await client.query(`set local statement_timeout = '10s'`);
    await checkContract(client);
    const { rows } = await client.query<{ job: string; run: string }>(
      `select job_id as job, run_key as run from reaper.running_job
        where run_key is not null order by started_at nulls first limit 1`,
    );
    const sample = rows[0];
    if (sample === undefined) return { jobId: null, mistakes: [] };
    return { jobId: sample.job, mistakes: await tryOn(client, sample) };
  } finally {
    await client.query('rollback').catch(() => undefined);
    client.release();
  }
}

async function tryOn(client: Queryable, { job, run }: { job: string; run: string }): Promise<string[]> {
  const mistakes: string[] = [];
  const other = `${run}-another`;
  const expect = (what: string, wanted: unknown, got: unknown) => {
    if (wanted !== got) mistakes.push(`${what}: expected ${String(wanted)}, got ${String(got)}`);
  };
  const rowsOf = async (sql: string, parameters: unknown[]) => (await client.query(sql, parameters)).rowCount;
  const finish = async (key: string, status: string, error: string | null) => {
    const { rows } = await client.query<{ done: boolean | null }>(
      'select reaper.finish($1, $2, $3, $4) as done',
      [job, key, status, error],
    );
    return rows[0]?.done;
  };
  const lock = 'select from reaper.lock_run($1, $2)';
  expect('rows of lock_run for a running job', 1, await rowsOf(lock, [job, run]));
  expect('rows of lock_run for another run of it', 0, await rowsOf(lock, [job, other]));
  expect('finish of another run of it', false, await finish(other, 'queued', 'trial'));
  for (const status of ['queued', 'failed', 'done']) {
    await client.query('savepoint trial');
    try {
      expect(`finish as ${status}`, true, await finish(run, status, status === 'done' ? null : 'trial'));
      const left = 'select from reaper.running_job where job_id = $1 and run_key = $2';
      expect(`running rows after finish as ${status}`, 0, await rowsOf(left, [job, run]));
      expect(`finish as ${status}, once more`, false, await finish(run, status, null));
    } catch (error) {
      mistakes.push(`finish as ${status}: expected true, got ${(error as Error).message}`);
    }
    await client.query('rollback to savepoint trial');
  }
  return mistakes;
}
