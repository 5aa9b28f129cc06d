/**
 * Why the process of a worker that a row names cannot be told: no probe has reported its boot, two processes announced its id, what looks
 * like a token in its name is none, or it has none and has announced none.
 */
export type WorkerTrouble = 'boot' | 'void' | 'broken' | 'none';

const REMEDIES: Readonly<Record<WorkerTrouble, string>> = {
  boot: 'start a worker of job-reaper on each machine that runs jobs, in its first pid namespace',
  void: 'announce the worker in the process that runs its jobs, after any fork, and by an id that never comes again',
  broken: 'use the token unchanged and uncut: docs/tokens.md',
  none: 'add the line of docs/tokens.md (or of the page of your queue in docs/queues) to workers without it, and restart them; one that has it but could not announce itself says why in its log',
};

/** What to do about it. */
export function remedyOf(trouble: WorkerTrouble): string {
  return REMEDIES[trouble];
}

/** The same for one run, in a sentence. */
export function describeWorkerTrouble(trouble: WorkerTrouble, worker: string | null): string {
  if (worker === null) return `nothing says which worker runs it: ${remedyOf(trouble)}`;
  const what = {
    boot: `no probe has reported the boot of worker ${worker}`,
    void: `two processes announced the id of worker ${worker}`,
    broken: `the name of worker ${worker} has what looks like a token, but is none`,
    none: `worker ${worker} has no token`,
  };
  return `${what[trouble]}: ${remedyOf(trouble)}`;
}
