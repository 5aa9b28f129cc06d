import type { Queryable } from './database.js';
import { DEFAULT_POLICY, type Policy, type PublishedPolicy } from '../domain/types.js';

/**
 * The policy in force. Settings that a worker of another version did not publish have their defaults.
 *
 * @param recordsExitCodes whether exit codes are recorded on this queue, which decides what is left to the adapter
 */
export function toPolicy(published: Partial<PublishedPolicy> | null, recordsExitCodes: boolean): Policy {
  const policy = { ...DEFAULT_POLICY, ...published };
  const { backstopUnknown } = policy;
  const byAdapter = recordsExitCodes ? 'reap' : 'alert';
  return { ...policy, backstopUnknown: backstopUnknown === 'by adapter' ? byAdapter : backstopUnknown };
}

/** Publishes the policy that every scan, observation and claim uses. Returns the previous one, or null. */
export async function publishPolicy(
  pool: Queryable,
  policy: PublishedPolicy,
  by: string,
): Promise<PublishedPolicy | null> {
  const { rows } = await pool.query<{ old: Partial<PublishedPolicy> | null }>(
    'select reaper.publish_policy($1, $2) as old',
    [JSON.stringify(policy), by],
  );
  const old = rows[0]?.old ?? null;
  return old && { ...DEFAULT_POLICY, ...old };
}
