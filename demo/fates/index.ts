import { agentAndMonitorKilled } from './agent-and-monitor-killed.js';
import { blockedEventLoop } from './blocked-event-loop.js';
import { budgetSpent } from './budget-spent.js';
import { exitZeroCommandGateRed } from './exit-zero-command-gate-red.js';
import { exitZeroGateGreen } from './exit-zero-gate-green.js';
import { exitZeroGitGateRed } from './exit-zero-git-gate-red.js';
import type { Fate } from './fate.js';
import { hostGone } from './host-gone.js';
import { launcherKilled } from './launcher-killed.js';
import { reusedPid } from './reused-pid.js';
import { slowFinalizer } from './slow-finalizer.js';
import { stuckLease } from './stuck-lease.js';

/** Everything that happens to jobs in the demo, all at the same time. */
export const fates: readonly Fate[] = [
  blockedEventLoop,
  agentAndMonitorKilled,
  exitZeroGateGreen,
  exitZeroGitGateRed,
  exitZeroCommandGateRed,
  budgetSpent,
  slowFinalizer,
  stuckLease,
  launcherKilled,
  reusedPid,
  hostGone,
];
