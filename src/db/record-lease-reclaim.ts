import type { Queryable } from './database.js';
import { withStorableText } from './storable-text.js';
import type { LeaseReclaim, LeaseRecordResult } from '../domain/lease.js';

const SQL = `
  select result, detail as why
    from reaper.record_lease_reclaim(
      p_key => $1, p_repo => $2, p_token => $3, p_pid => $4, p_host => $5, p_identity => $6, p_acquired_at => $7,
      p_ttl_s => $8, p_reason => $9, p_evidence => $10, p_by => $11)`;

/**
 * Records the reclaim of a lease, once for each key.
 *
 * @param by the host that reclaims
 */
export async function recordLeaseReclaim(
  pool: Queryable,
  reclaim: LeaseReclaim,
  by: string,
): Promise<LeaseRecordResult> {
  const { rows } = await withStorableText((fit) =>
    pool.query<LeaseRecordResult>(SQL, [
      reclaim.key,
      reclaim.repo,
      reclaim.token,
      reclaim.pid,
      reclaim.host,
      reclaim.identity,
      reclaim.acquiredAt,
      reclaim.ttlS,
      fit(reclaim.reason),
      JSON.stringify(fit(reclaim.evidence)),
      by,
    ]),
  );
  const row = rows[0];
  if (row === undefined) throw new Error('Expected one row from reaper.record_lease_reclaim, got none');
  return row;
}
