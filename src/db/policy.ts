import type { Queryable } from './database.js';
import { DEFAULT_POLICY, type Policy } from '../domain/types.js';

/** The published policy; settings that a worker of another version did not publish have their defaults. */
export function toPolicy(published: Partial<Policy> | null): Policy {
  return { ...DEFAULT_POLICY, ...published };
}

/** Publishes the policy that every scan, observation and claim goes by. Returns the one before it, or null. */
export async function publishPolicy(pool: Queryable, policy: Policy, by: string): Promise<Policy | null> {
  const { rows } = await pool.query<{ old: Partial<Policy> | null }>(
    'select reaper.publish_policy($1, $2) as old',
    [JSON.stringify(policy), by],
  );
  const old = rows[0]?.old ?? null;
  return old && toPolicy(old);
}
