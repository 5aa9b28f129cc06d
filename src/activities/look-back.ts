import type { Queryable } from '../db/database.js';
import { noteLookBack, readReapedProcesses, type Survivor } from '../db/look-back.js';
import { judgeLookBack } from '../domain/look-back.js';
import { probeProcess, selectDriver } from '../liveness/index.js';
import type { Logger } from '../log.js';

/** Processes of reaped runs that one turn looks at, the newest first. */
const LIMIT = 500;

/** What {@link lookBack} needs. */
export interface LookBackOptions {
  pool: Queryable;
  /** This host, as the ledger names it. */
  host: string;
  log: Logger;
}

/**
 * Looks once more at the processes of runs of this host that were reaped as dead. One that lives pulls the brake. It takes no
 * operator's word for a proof: only an identity stamp that matches is one.
 */
export async function lookBack({ pool, host, log }: LookBackOptions): Promise<void> {
  const reaped = await readReapedProcesses(pool, host, LIMIT);
  if (reaped.length === 0) return;
  const driver = selectDriver().prepare(reaped.map(({ pid }) => pid));
  const seen: number[] = [];
  const survivors: Survivor[] = [];
  for (const { ledgerId, ...stamp } of reaped) {
    const liveness = probeProcess(stamp, { sharedPidNamespace: false, driver });
    const says = judgeLookBack(liveness);
    if (says === 'wrong') survivors.push({ ledgerId, evidence: liveness.evidence });
    if (says === 'right') seen.push(ledgerId);
  }
  if (seen.length + survivors.length === 0) return;
  for (const job of await noteLookBack(pool, host, seen, survivors)) {
    log.error(`job ${job} was reaped, but its process lives: see job-reaper status`, { job_id: job });
  }
}
