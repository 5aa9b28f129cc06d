import type { Queryable } from './database.js';
import type { NotificationKind } from '../domain/notification.js';
import type { JobRun } from '../domain/types.js';
import { withStorableText } from './storable-text.js';

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
  const { rows } = await withStorableText((fit) =>
    pool.query<{ text: string | null }>(
      'select reaper.owe_backstop_alert($1, $2, $3, $4, $5, $6, $7) as text',
      [run.jobId, run.runKey, run.host, run.agent, run.repo, fit(reason), kind],
    ),
  );
  return rows[0]?.text ?? null;
}

/** One of many alerts. */
export interface AlertToOwe {
  run: JobRun;
  reason: string;
  kind: BackstopAlert;
}

/** Like {@link oweBackstopAlert} for many runs, in one statement. Returns the new ones with their texts. */
export async function oweBackstopAlerts(
  pool: Queryable,
  alerts: readonly AlertToOwe[],
): Promise<(AlertToOwe & { text: string })[]> {
  const { rows } = await pool.query<{ nr: number; text: string | null }>(
    `select a.nr, reaper.owe_backstop_alert(a.job_id, a.run_key, a.host, a.agent, a.repo, a.reason, a.kind) as text
       from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
            with ordinality a (job_id, run_key, host, agent, repo, reason, kind, nr)`,
    [
      alerts.map(({ run }) => run.jobId),
      alerts.map(({ run }) => run.runKey),
      alerts.map(({ run }) => run.host),
      alerts.map(({ run }) => run.agent),
      alerts.map(({ run }) => run.repo),
      alerts.map(({ reason }) => reason),
      alerts.map(({ kind }) => kind),
    ],
  );
  return rows.flatMap(({ nr, text }) => {
    const alert = alerts[nr - 1];
    return alert === undefined || text === null ? [] : [{ ...alert, text }];
  });
}
