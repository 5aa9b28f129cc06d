import type { Cursor, Page } from '../domain/page.js';

/** An impossible start, such as infinity, counts as none: its microseconds may not fit in a bigint. */
const STARTED_US = `case when r.started_at > '-infinity' and r.started_at < '10000-01-01Z' then (extract(epoch from r.started_at) * 1000000)::bigint else 0 end`;

/** For a relation aliased `r`. */
export const CURSOR_COLUMNS = `
  ${STARTED_US} as "startedUs",
  r.job_id as "jobId", r.run_key as "runKey"`;

/** The order in which {@link Cursor}s grow. */
export const CURSOR_ORDER = `1, r.job_id collate "C", r.run_key collate "C"`;

/** Everything after the cursor in parameters `$n` to `$n+2`, or everything if they are null. */
export function afterCursor(n: number): string {
  return `($${n}::bigint is null or
    (${STARTED_US}, r.job_id collate "C", r.run_key collate "C")
      > ($${n}::bigint, $${n + 1}::text collate "C", $${n + 2}::text collate "C"))`;
}

/** Cuts rows that start with a cursor's columns into a page. */
export function toPage<Row extends Cursor, T>(rows: Row[], limit: number, map: (row: Row) => T): Page<T> {
  const last = rows.length < limit ? undefined : rows.at(-1);
  const next = last ? { startedUs: last.startedUs, jobId: last.jobId, runKey: last.runKey } : null;
  return { items: rows.map(map), next };
}
