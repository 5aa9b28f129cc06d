import type { Queryable } from './database.js';
import { DEFAULT_POLICY, type Policy, type PublishedPolicy } from '../domain/types.js';

/** Seconds between two dead looks, unless set, where a job's own process writes its end. */
const QUICK_CONFIRM_S = 2;

/**
 * The policy in force. Settings that a worker of another version did not publish have their defaults.
 *
 * @param recordsExitCodes whether exit codes are recorded on this queue, which decides what is left to the adapter
 */
export function toPolicy(published: Partial<PublishedPolicy> | null, recordsExitCodes: boolean): Policy {
  const { backstopUnknown, confirmS, ...policy } = { ...DEFAULT_POLICY, ...published };
  const { intervalS } = policy;
  // A monitor that lives may be late with the exit code of an agent that ended well.
  const confirmByAdapterS = recordsExitCodes ? intervalS : Math.min(QUICK_CONFIRM_S, intervalS);
  const unknownByAdapter = recordsExitCodes ? 'reap' : 'alert';
  return {
    ...policy,
    backstopUnknown: backstopUnknown === 'by adapter' ? unknownByAdapter : backstopUnknown,
    confirmS: confirmS === 'by adapter' ? confirmByAdapterS : (confirmS ?? intervalS),
  };
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
