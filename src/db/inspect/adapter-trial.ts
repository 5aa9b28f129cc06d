import { setTimeout } from 'node:timers/promises';
import { becomeRole } from '../adapter/check-view.js';
import { checkContract } from '../contract.js';
import type { Database, Queryable } from '../database.js';
import { inTransaction } from '../transaction.js';

/** The result of trying the adapter on one running job. */
export interface AdapterTrial {
  /** The job it was tried on, or null if no running job's row was free. */
  jobId: string | null;
  /** Running jobs that were skipped because their row is locked. */
  locked: number;
  /** Whether it was tried as role `reaper`, like claims; else as the owner, which may not become that role. */
  asReaper: boolean;
  /** Where it breaks the contract, one sentence each. */
  mistakes: string[];
}

/** Time limit in total, number of jobs, and pause between two of them. */
const LIMIT_MS = 1_000;
const JOBS = 20;
const PAUSE_MS = 5;
const LOCKED = '55P03';

/**
 * Tries what a claim does, with its settings and as role `reaper`, on one running job whose row is free. The transaction is rolled
 * back, so nothing stays. The job's row is locked for some milliseconds; the control row is not touched.
 *
 * @throws if the installed functions do not keep the SQL contract, or trying takes more than a second
 */
export async function tryAdapter(admin: Database): Promise<AdapterTrial> {
  const deadline = Date.now() + LIMIT_MS;
  const trial: AdapterTrial = { jobId: null, locked: 0, asReaper: true, mistakes: [] };
  const jobs = await readJobs(admin);
  for (const { jobId, runKey } of jobs) {
    const leftMs = deadline - Date.now();
    if (leftMs <= 0) return trial;
    try {
      return await inTransaction(
        admin,
        async (connection) => {
          await connection.query(`set local statement_timeout = ${Math.ceil(leftMs)}`);
          const asReaper = await becomeRole(connection, 'reaper');
          const { rows } = await connection.query<{ mistake: string }>(
            'select reaper.try_claim($1, $2, $3) as mistake',
            [jobId, runKey, anotherRunKey(runKey)],
          );
          return { ...trial, jobId, asReaper, mistakes: rows.map(({ mistake }) => mistake) };
        },
        { end: 'rollback' },
      );
    } catch (error) {
      if ((error as { code?: string }).code !== LOCKED) throw error;
      trial.locked += 1;
      await setTimeout(PAUSE_MS);
    }
  }
  return trial;
}

async function readJobs(admin: Database): Promise<{ jobId: string; runKey: string }[]> {
  return inTransaction(
    admin,
    async (connection: Queryable) => {
      await connection.query(`set local statement_timeout = '5s'`);
      await checkContract(connection);
      const { rows } = await connection.query<{ jobId: string; runKey: string }>(
        `select job_id as "jobId", run_key as "runKey" from reaper.running_job
          where job_id is not null and run_key is not null limit ${JOBS}`,
      );
      return rows;
    },
    { end: 'rollback' },
  );
}

/** A run key of the same form that no run has, because an adapter may cast it to a number or a uuid. */
export function anotherRunKey(runKey: string): string {
  const last = runKey.at(-1) ?? '';
  const other = last === '0' ? '1' : /[1-9]/.test(last) ? String(Number(last) - 1) : last === 'a' ? 'b' : 'a';
  return runKey.slice(0, -1) + other;
}
