import type { ProcessStamp } from '../domain/liveness.js';
import type { Queryable } from './database.js';
import { withStorableText } from './storable-text.js';

/** A claim whose process is to be checked once more. */
export interface ReapedProcess extends ProcessStamp {
  ledgerId: number;
}

/** A run that was reaped although its process is alive. */
export interface Survivor {
  ledgerId: number;
  /** What the look found, in words. */
  evidence: string;
}

/** The newest claims to check on one host, at most `limit`. */
export async function readReapedProcesses(
  pool: Queryable,
  host: string,
  limit: number,
): Promise<ReapedProcess[]> {
  const { rows } = await pool.query<ReapedProcess>(
    `select ledger_id as "ledgerId", pid, process_identity as "processIdentity"
       from reaper.look_back where host = $1 order by claimed_at desc limit $2`,
    [host, limit],
  );
  return rows;
}

/**
 * Records what the looks found. A survivor pulls the brake: people are notified and, unless REAPER_BRAKE=false, nothing more is
 * claimed until an operator activates the reaper again.
 *
 * @param seen claims whose process is gone, as it should be
 * @returns the jobs of new survivors
 */
export async function noteLookBack(
  pool: Queryable,
  host: string,
  seen: readonly number[],
  survivors: readonly Survivor[],
): Promise<string[]> {
  const { rows } = await withStorableText((fit) =>
    pool.query<{ jobs: string[] }>('select reaper.note_look_back($1, $2, $3) as jobs', [
      host,
      seen,
      JSON.stringify(fit(survivors)),
    ]),
  );
  return rows[0]?.jobs ?? [];
}
