import type { Queryable } from './database.js';
import type { ProcessStamp } from '../domain/liveness.js';
import type { RunRef } from '../domain/types.js';
import type { Cursor, Page } from '../domain/page.js';
import { CURSOR_COLUMNS, CURSOR_ORDER, afterCursor, toPage } from './keyset.js';

/** A run with the process to look for, and its position in the order oldest first. */
export type HostRun = RunRef &
  ProcessStamp &
  Cursor & {
    /** Whether people were alerted that it is over its ceiling and alive, and not that it is unknown since. */
    alertedAlive: boolean;
  };

/** One page of a host's runs that are worth examining, oldest first. */
export async function readHostRuns(
  pool: Queryable,
  host: string,
  after: Cursor | null,
  limit: number,
): Promise<Page<HostRun>> {
  const { rows } = await pool.query<HostRun>(
    `select ${CURSOR_COLUMNS}, r.pid, r.process_identity as "processIdentity",
            r.alerted_alive as "alertedAlive"
       from reaper.examinable_run r
      where r.host = $1 and ${afterCursor(2)}
      order by ${CURSOR_ORDER}
      limit $5`,
    [host, after?.startedUs ?? null, after?.jobId ?? null, after?.runKey ?? null, limit],
  );
  return toPage(rows, limit, (row) => row);
}
