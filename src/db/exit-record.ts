/** SQL: whether the exit record of run `r` is believed; see `judgeExitRecord` for what that means. */
export function believesExit(isProvenAlive: boolean): string {
  return `reaper.believes_exit(r.started_at, r.finished_at, ${isProvenAlive})`;
}
