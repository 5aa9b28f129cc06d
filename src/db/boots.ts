import type { BootFacts, BootLine } from '../domain/boots.js';
import type { Queryable } from './database.js';

/**
 * Reads what is on record about some boots. Role `reaper_probe` may do this too.
 *
 * @param stamps those that are to be judged
 */
export async function readBoots(
  pool: Queryable,
  boots: readonly string[],
  stamps: readonly string[],
): Promise<BootFacts> {
  const { rows } = await pool.query<BootLine & { nowMs: number }>(
    `select now_ms as "nowMs", boot, pid_namespace as "pidNamespace", host, machine_id as "machineId",
            is_initial as "isInitial", began_ms as "beganMs", first_seen_ms as "firstSeenMs",
            last_seen_ms as "lastSeenMs", twice_ms as "twiceMs",
            last_start_ms as "lastStartMs", last_process_ms as "lastProcessMs", late_stamps as "lateStamps"
       from reaper.boots($1, $2)`,
    [boots, stamps],
  );
  // Without lines there is nothing to compare the clock with.
  return { nowMs: rows[0]?.nowMs ?? 0, lines: rows };
}
