/** SQL: whether the exit record of run `r` is older than the run. Then it is a previous run's, which the launcher did not clear. */
export const EXIT_IS_OLDER = `
  coalesce(isfinite(r.finished_at) and isfinite(r.started_at) and r.finished_at < r.started_at, false)`;
