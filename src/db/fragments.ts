/**
 * SQL for the seconds since a moment; null for infinity.
 *
 * @param now the database's clock, read once per statement
 */
export function secondsSince(moment: string, now = 'c.now'): string {
  return `case when isfinite(${moment}) then extract(epoch from ${now} - ${moment})::double precision end`;
}

/** SQL: whether the exit record of run `r` is believed; see `judgeExitRecord` for what that means. */
export function believesExit(isProvenAlive: boolean): string {
  return `reaper.believes_exit(r.started_at, r.finished_at, ${isProvenAlive})`;
}
