import type { Queryable } from '../database.js';

/** What a session of ours relies on and has no say in. */
export interface SessionState {
  isReadOnly: boolean;
  isStandby: boolean;
  /** `origin` where ordinary triggers run. */
  replicationRole: string;
}

/** Reads it back from the server, whatever a pooler or a role's defaults have set. */
export async function readSessionState(pool: Queryable): Promise<SessionState> {
  const { rows } = await pool.query<SessionState>(
    `select current_setting('transaction_read_only') = 'on' as "isReadOnly", pg_is_in_recovery() as "isStandby",
            current_setting('session_replication_role') as "replicationRole"`,
  );
  if (rows[0] === undefined) throw new Error('Expected one row of settings, got none');
  return rows[0];
}
