import type { ProcessStamp } from '../domain/liveness.js';
import type { Queryable } from './database.js';
import { believesExit } from './fragments.js';

/** A process that running rows of one host name. */
export interface HostProcess extends ProcessStamp {
  /** How many of them. */
  runs: number;
  /** Whether people were alerted of one of them that it is over its ceiling and alive, and not that it is unknown since. */
  hasAlerted: boolean;
}

/**
 * The processes of a host's runs that are worth examining and have no exit code of their own, in no order: one pass over the rows.
 *
 * @param pids only processes with these pids; null for all
 */
export async function readHostProcesses(
  pool: Queryable,
  host: string,
  pids: readonly number[] | null = null,
): Promise<HostProcess[]> {
  const { rows } = await pool.query<HostProcess>(
    `select r.pid, r.process_identity as "processIdentity", count(*)::integer as runs,
            bool_or(r.alerted_alive) as "hasAlerted"
       from reaper.examinable_run r
      where r.host = $1 and ($2::bigint[] is null or r.pid = any ($2))
        and case when r.exit_code is null then true else not ${believesExit(false)} end
      group by 1, 2`,
    [host, pids],
  );
  return rows;
}
