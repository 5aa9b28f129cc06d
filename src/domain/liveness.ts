/** What one look at a process found. Doubt is `unknown`, never `dead`. */
export type LivenessState = 'alive' | 'dead' | 'defunct' | 'unknown';

/**
 * What ended with a process: it alone, its machine's boot, or what an operator declared gone. Only in the first case its job may have
 * killed it.
 */
export type DeathCause = 'process' | 'reboot' | 'host-gone' | 'boot-gone';

/** One look at a run's process, with the evidence for what it found. */
export interface Liveness {
  state: LivenessState;
  /** True only when the process exists and its identity stamp matches: this very process, not a reused pid. */
  proven: boolean;
  /** What ended, if it is dead or defunct. Missing from probes of older versions. */
  cause?: DeathCause;
  /** One short sentence a person can check, e.g. `pid 71 absent in pid namespace 4026531836 of this boot`. */
  evidence: string;
}

/** What the launcher stamped on the row: the process to look for. */
export interface ProcessStamp {
  pid: number | null;
  /** Identity stamp as `processIdentity` writes it, or null when the launcher stamps none. */
  processIdentity: string | null;
}

/** The same for all runs of one process. A pid alone is not enough: rows can name two processes that had it one after the other. */
export function processKey({ pid, processIdentity }: ProcessStamp): string {
  return `${pid ?? ''} ${processIdentity ?? ''}`;
}
