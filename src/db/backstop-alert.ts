import type { Queryable } from './database.js';
import type { NotificationKind } from '../domain/notification.js';
import type { JobRun } from '../domain/types.js';

/** Which alert it is: the run is proven alive, or its liveness is unknown. */
export type BackstopAlert = Extract<NotificationKind, 'backstop alive' | 'backstop unknown'>;

/**
 * Records, as owed, the alert that a run is over its ceiling and left alone, because it is proven alive or unknown. The next sweep
 * sends it. Returns its text, or null if the run already had this alert.
 */
export async function oweBackstopAlert(
  pool: Queryable,
  run: JobRun,
  reason: string,
  kind: BackstopAlert = 'backstop alive',
): Promise<string | null> {
  const { rows } = await pool.query<{ text: string | null }>(
    'select reaper.owe_backstop_alert($1, $2, $3, $4, $5, $6, $7) as text',
    [run.jobId, run.runKey, run.host, run.agent, run.repo, reason, kind],
  );
  return rows[0]?.text ?? null;
}
