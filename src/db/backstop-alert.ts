import type { Queryable } from './database.js';
import type { JobRun } from '../domain/types.js';

/**
 * Owes people the alert that a run proven alive is over its ceiling; the next sweep sends it. Returns its text, or null when
 * the run has had its alert.
 */
export async function oweBackstopAlert(pool: Queryable, run: JobRun, reason: string): Promise<string | null> {
  const { rows } = await pool.query<{ text: string | null }>(
    'select reaper.owe_backstop_alert($1, $2, $3, $4, $5, $6) as text',
    [run.jobId, run.runKey, run.host, run.agent, run.repo, reason],
  );
  return rows[0]?.text ?? null;
}
