import type { Queryable } from './database.js';

/** Why no lease of this repo and this holder's host may be reclaimed now, or null. Only recording the reclaim decides. */
export async function readLeaseBlock(
  pool: Queryable,
  repo: string,
  host: string | null,
): Promise<string | null> {
  const { rows } = await pool.query<{ why: string | null }>('select reaper.lease_block_on($1, $2) as why', [
    repo,
    host,
  ]);
  return rows[0]?.why ?? null;
}
