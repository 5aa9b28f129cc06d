import type { Pool } from 'pg';
import type { LeaseReclaim, LeaseRecordResult } from '../domain/lease.js';

const SQL = `
  select result, detail as why
    from reaper.record_lease_reclaim(
      p_key => $1, p_repo => $2, p_token => $3, p_pid => $4, p_host => $5, p_identity => $6, p_acquired_at => $7,
      p_ttl_s => $8, p_reason => $9, p_evidence => $10, p_by => $11)`;

/**
 * Puts the reclaim of a lease on record, once for each key. The isolation level is set here since a session's default may
 * be another, which the function refuses.
 *
 * @param by the host that reclaims
 */
export async function recordLeaseReclaim(
  pool: Pool,
  reclaim: LeaseReclaim,
  by: string,
): Promise<LeaseRecordResult> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin isolation level read committed');
    const { rows } = await client.query<LeaseRecordResult>(SQL, [
      reclaim.key,
      reclaim.repo,
      reclaim.token,
      reclaim.pid,
      reclaim.host,
      reclaim.identity,
      reclaim.acquiredAt,
      reclaim.ttlS,
      reclaim.reason,
      JSON.stringify(reclaim.evidence),
      by,
    ]);
    await client.query('commit');
    const row = rows[0];
    if (row === undefined) throw new Error('Expected one row from reaper.record_lease_reclaim, got none');
    return row;
  } catch (error) {
    broken = error as Error;
    throw error;
  } finally {
    // Closing the connection rolls back, whatever state it is in.
    client.release(broken);
  }
}
