/** SQL: whether the exit record of run `r` is older than the run, so that it is another one's, which a launcher has not cleared. */
export const EXIT_IS_OLDER = `
  coalesce(isfinite(r.finished_at) and isfinite(r.started_at) and r.finished_at < r.started_at, false)`;
