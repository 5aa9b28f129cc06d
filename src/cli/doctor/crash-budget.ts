import { readControl } from '../../db/control.js';
import { readCrashes } from '../../db/inspect/crashes.js';
import { readStatus } from '../../db/status.js';
import { counted } from '../../domain/wording.js';
import { ok, warn, type Check, type Finding } from './check.js';

const EXPECTED = 'no job that kills its worker again and again';
/** Requeued deaths that are older than this need nobody any more. */
const RECENT_MS = 24 * 3600 * 1000;

/** Checks that the crash budget, if there is one, can do what it is for, and else that no job would need it. */
export const crashBudgetCheck: Check = {
  name: 'crash budget',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const { policy, now } = await readControl(pool);
    const { unstamped, tellsOpenJobs, crashing } = await readCrashes(pool);
    if (policy.maxCrashes === undefined) {
      if (crashing.length === 0) return [ok(EXPECTED, 'none, by the newest claims of a week')];
      const jobs = crashing.map(({ jobId, deaths }) => `job ${jobId} ${deaths} times`).join(', ');
      return [
        warn(
          EXPECTED,
          `these died by their own process within a week, and were requeued: ${jobs}`,
          'set REAPER_MAX_CRASHES on the worker, so that such a job fails; job-reaper ledger shows its deaths',
        ),
      ];
    }
    const findings: Finding[] = [];
    const { crash_budget: budget } = await readStatus(pool);
    const seen = new Set<string>();
    for (const { job_id: jobId, outcome, deaths, claimed_at: claimedAt } of budget.last) {
      // The newest comes first, and tells how often the job has died and what became of it.
      if (seen.has(jobId)) continue;
      seen.add(jobId);
      if (outcome !== 'queued' || Date.parse(now) - Date.parse(claimedAt) > RECENT_MS) continue;
      findings.push(
        warn(
          EXPECTED,
          `job ${jobId} has died ${deaths} times, and was requeued: other jobs ran in its process, or may have`,
          'let its workers run one job at a time, and stamp runs, until it is known which job it is',
        ),
      );
    }
    const set = `REAPER_MAX_CRASHES=${policy.maxCrashes}`;
    if (unstamped > 0) {
      findings.push(
        warn(
          `a stamp in each row, so that ${set} can fail its job`,
          `${counted(unstamped, 'running job')} without one: the budget fails none of these`,
          'stamp runs: docs/identity.md',
        ),
      );
    }
    if (!tellsOpenJobs) {
      findings.push(
        warn(
          `the adapter to tell which jobs are queued, so that ${set} goes on counting their deaths`,
          'it has no reaper.open_jobs: prune forgets the deaths of jobs that are queued',
          'add it: docs/sql-contract.md, "Open jobs"',
        ),
      );
    }
    return findings.length > 0 ? findings : [ok(EXPECTED, `${set} fails it`)];
  },
};
