/** Milliseconds that Temporal has to accept a signal. */
export const SIGNAL_LIMIT_MS = 5_000;
/** Milliseconds for a sweep, which takes at most one interval for the hosts, plus a few queries. */
export const SWEEP_LIMIT_MS = 60_000;
/** Milliseconds that the reaper has to reap; it waits up to 60 s for the watch. */
export const REAP_LIMIT_MS = 75_000;
