import type { Database } from '../../src/db/database.js';
import { selectDriver, type LivenessDriver } from '../../src/liveness/index.js';
import { findRunsOnHost } from './find-runs-on-host.js';
import { giveBack } from './give-back.js';
import { rebootEvidence } from './reboot-evidence.js';
import { report } from './report.js';
import { tryOn } from './try-on.js';

/**
 * Gives back what this host was running when its machine went down: what a launcher does at its start.
 *
 * Only runs that were stamped in an earlier boot of this machine. The monitor writes the stamp, in its own boot: so the
 * agent is gone, its monitor too, and nobody is left who could record or finalize anything. A process that died in this
 * boot proves less: monitors outlive their launcher, the row does not name them, and one may be just about to record
 * the exit code. Those runs are the reaper's, which looks again before it acts, and so are runs with an exit code,
 * since their gate has to be asked, and all that leave a doubt.
 *
 * The reaper may find the same runs at the same time: whoever locks the job's row first ends the run.
 *
 * @param host as LAUNCHER_HOST says
 */
export async function recoverRuns(
  pool: Database,
  host: string,
  driver: LivenessDriver = selectDriver(),
): Promise<void> {
  for (const run of await tryOn('find runs to recover', () => findRunsOnHost(pool, host))) {
    const { jobId, runId } = run;
    const evidence = rebootEvidence(run, driver);
    if (evidence === null) continue;
    try {
      const status = await giveBack(pool, run, `launcher restarted: ${evidence}`);
      if (status !== null) report({ event: 'recovered', jobId, runId, status, evidence });
    } catch (error) {
      // One job's trouble must not keep the launcher from the others; the reaper repairs what is left behind.
      report({ event: 'trouble', what: `recover job ${jobId}`, error: String(error) });
    }
  }
}
