import type { Queryable } from '../db/database.js';
import { noteLookBack, readReapedProcesses, type Survivor } from '../db/look-back.js';
import { judgeLookBack } from '../domain/look-back.js';
import { driverFor, probeProcess, type LivenessDriver } from '../liveness/index.js';
import type { Logger } from '../log.js';
import type { HostReporter } from './host-reporter.js';

/** Maximum of reaped runs' processes that one turn checks, the newest first. */
const LIMIT = 500;

/** What {@link lookBack} needs. */
export interface LookBackOptions {
  pool: Queryable;
  /** This host, as the ledger names it. */
  host: string;
  /** Says whether what is dead here may be alive on another machine. */
  reporter: Pick<HostReporter, 'report'>;
  log: Logger;
  /** How to look at processes. @default this platform's driver, on its own `/proc` */
  driver?: LivenessDriver;
}

/**
 * Checks once more the processes of this host's runs that were reaped as dead. One that is alive pulls the brake. The only proof
 * of life is an identity stamp that matches; what an operator declared is none. While the boot may be alive on another machine too, a
 * process that is gone here proves nothing.
 */
export async function lookBack(options: LookBackOptions): Promise<void> {
  const { pool, host, reporter, log, driver: platform = driverFor() } = options;
  const reaped = await readReapedProcesses(pool, host, LIMIT);
  if (reaped.length === 0) return;
  const driver = await platform.prepare(reaped);
  const seen: number[] = [];
  const survivors: Survivor[] = [];
  for (const { ledgerId, ...stamp } of reaped) {
    const liveness = probeProcess(stamp, { sharedPidNamespace: false, driver });
    const says = judgeLookBack(liveness);
    if (says === 'wrong') survivors.push({ ledgerId, evidence: liveness.evidence });
    if (says === 'right') seen.push(ledgerId);
  }
  // The report comes after the look, so its doubt is about this very look.
  const isInDoubt = seen.length > 0 && (await reporter.report()).doubt !== null;
  const settled = isInDoubt ? [] : seen;
  if (settled.length + survivors.length === 0) return;
  for (const job of await noteLookBack(pool, host, settled, survivors)) {
    log.error(`job ${job} was reaped, but its process is alive: see job-reaper status`, { job_id: job });
  }
}
