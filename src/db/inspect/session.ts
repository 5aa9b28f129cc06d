import type { Queryable } from '../database.js';

/** What a session of ours relies on, as the server has it in force. */
export type SessionSettings = Record<
  | 'transaction_read_only'
  | 'statement_timeout'
  | 'standard_conforming_strings'
  | 'client_encoding'
  | 'DateStyle'
  | 'session_replication_role',
  string
> & { isStandby: boolean };

/** Reads it back from the server, whatever we, a pooler or a role's defaults have set. */
export async function readSessionSettings(pool: Queryable): Promise<SessionSettings> {
  const { rows } = await pool.query<SessionSettings>(
    `select current_setting('transaction_read_only') as transaction_read_only,
            current_setting('statement_timeout') as statement_timeout,
            current_setting('standard_conforming_strings') as standard_conforming_strings,
            current_setting('client_encoding') as client_encoding, current_setting('DateStyle') as "DateStyle",
            current_setting('session_replication_role') as session_replication_role,
            pg_is_in_recovery() as "isStandby"`,
  );
  if (rows[0] === undefined) throw new Error('Expected one row of settings, got none');
  return rows[0];
}
