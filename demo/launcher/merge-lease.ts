import { setTimeout } from 'node:timers/promises';
import { acquireLease, releaseLease, type HeldLease } from '../../src/leases/index.js';
import { report } from './report.js';
import type { LauncherSettings } from './settings.js';
import type { TakenRun } from './taken-run.js';
import { retry } from './retry.js';

/** Longer than a merge takes. */
const TTL_S = 600;
const WAIT_MS = 200;

/** Merges while nobody else merges in the same repo. Repos without merge leases need none. */
export async function withMergeLease(
  run: TakenRun,
  settings: LauncherSettings,
  merge: () => Promise<void>,
): Promise<void> {
  const { jobId, runId, repo } = run;
  const { leaseFolder, leaseRepos, host } = settings;
  if (leaseFolder === undefined || repo === null || !leaseRepos.includes(repo)) return merge();
  const lease = await retry('acquire the merge lease', () => acquire(leaseFolder, repo, host));
  report({ event: 'lease acquired', jobId, runId, repo });
  try {
    await merge();
  } finally {
    await releaseLease(lease);
  }
}

async function acquire(folder: string, repo: string, host: string): Promise<HeldLease> {
  for (;;) {
    const result = await acquireLease({ folder, repo, ttlS: TTL_S, host });
    if (result.acquired) return result.lease;
    await setTimeout(WAIT_MS);
  }
}
